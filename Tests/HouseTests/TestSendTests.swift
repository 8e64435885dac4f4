import Testing

/// Lists every statement that reads runs, with its treatment of tests: a new one must say what tests are to it.
///
/// A test is a run of a copy of the campaign. Statements about one run, or the runs of one campaign, therefore never mix the
/// two. Those about all runs of a tenant must leave tests out of what people count, or have a reason to include them.
struct TestSendTests {
    private enum Treatment {
        /// It reads runs that the caller names, or those of a campaign.
        case named
        /// It says `isTest` where it reads all runs of a tenant.
        case leftOut
        /// It is about work, money or storage, which tests have like all runs.
        case included
    }

    /// The files that name the table of runs or its selection, how often, and the treatment.
    private static let statements: [String: (count: Int, treatment: Treatment)] = [
        "Billing/WalletAudit.swift": (1, .included), "Billing/WalletHold.swift": (1, .named),
        "Billing/WalletRepository.swift": (2, .included), "Campaign/CampaignOverview.swift": (2, .named),
        "Campaign/CampaignRepository+states.swift": (1, .named), "Campaign/CampaignRepository.swift": (1, .named),
        "Cost/RunCharges.swift": (1, .named), "Cost/RunRepository+estimates.swift": (3, .included),
        "Identity/ContactDuplicates.swift": (1, .included), "Inbound/AccountFactRepository.swift": (1, .named),
        "Inbound/InboundRepository.swift": (1, .included), "Inbound/RunResponses.swift": (2, .named),
        "Managed/ManagedCampaigns.swift": (1, .named), "Media/MediaRepository.swift": (1, .included),
        "Media/MediaUploadRepository+reports.swift": (1, .named), "Media/MediaUploadRepository.swift": (1, .named),
        "Message/MessageRepository+cap.swift": (2, .named),
        "Message/MessageRepository+recovery.swift": (1, .included),
        "Message/MessageRepository+statuses.swift": (1, .named), "Message/MessageRepository.swift": (1, .named),
        "Message/UserCapRule.swift": (1, .named), "Queue/ChunkRepository.swift": (2, .included),
        "Queue/ChunkRepository+zones.swift": (2, .included),
        "Queue/LaneRepository.swift": (8, .included), "Queue/QuotaRepository.swift": (1, .named),
        "Reports/AnalyticsRepository.swift": (3, .leftOut), "Reports/BacklogRepository.swift": (1, .included),
        "Reports/FailureSample.swift": (1, .named), "Reports/LiveRepository.swift": (4, .leftOut),
        "Reports/RunFunnel.swift": (1, .named), "Reports/RunSeries.swift": (1, .named),
        "Schedule/ScheduleHindrance.swift": (1, .named),
        "Schedule/ScheduleRepository+approval.swift": (1, .named),
        "Schedule/ScheduleRepository+calendar.swift": (2, .leftOut),
        "Schedule/ScheduleRepository+localTime.swift": (2, .named),
        "Reports/MessageLogRepository.swift": (8, .named),
        "Retention/RetentionEstimate.swift": (2, .included), "Retention/RetentionRepository.swift": (4, .included),
        "Retry/LaunchRepository+again.swift": (3, .named), "Retry/RetryRepository.swift": (6, .named),
        "Retry/RetrySource.swift": (2, .named), "Retry/SettlementRepository.swift": (6, .named),
        "Run/AlikeRefusals.swift": (3, .named), "Run/LaunchPolicy.swift": (1, .named),
        "Run/LaunchRepository+batches.swift": (4, .included), "Run/LaunchRepository.swift": (4, .named),
        "Run/RunCounters.swift": (2, .named), "Run/RunRecord.swift": (3, .named),
        "Run/RunRepository+cancel.swift": (6, .included), "Run/RunRepository+guards.swift": (4, .included),
        "Run/RunRepository+states.swift": (13, .included), "Run/RunRepository+templates.swift": (3, .included),
        "Run/RunRepository+watch.swift": (3, .leftOut), "Run/RunRepository.swift": (9, .leftOut),
        "Schedule/DueSchedule.swift": (2, .named), "Schedule/ScheduleOverview.swift": (1, .named),
        "Schema/HousekeepingRepository.swift": (1, .included), "Schema/StatisticsRepository.swift": (1, .included),
        "States/Transition.swift": (1, .named), "Submission/LaunchTemplate.swift": (1, .named),
        "Submission/TemplateUse.swift": (2, .included),
        "TestSends/TestSend.swift": (3, .leftOut),
        "TestSends/TestSendRepository.swift": (2, .leftOut),
        "Trigger/TriggerRepository.swift": (1, .named), "Trigger/TriggeredCampaign.swift": (5, .named),
        "Waiting/OutlookRepository.swift": (1, .included), "Waiting/RunAction.swift": (2, .included),
        "Waiting/SenderOverview.swift": (1, .included), "Waiting/SenderSituation.swift": (1, .named),
    ]

    @Test func everyStatementAboutRunsIsListed() throws {
        let folder = "Sources/Store/"
        var found: Set<String> = []
        for source in try SourceFile.all() where source.path.hasPrefix(folder) {
            let code = source.lines.filter { !$0.drop { $0 == " " }.hasPrefix("//") }
            let count = code.reduce(0) { count, line in
                count + line.split(separator: "campaign_runs", omittingEmptySubsequences: false).count - 1
                    + line.split(separator: "RunRecord.selection", omittingEmptySubsequences: false).count - 1
            }
            guard count > 0 else { continue }
            let path = String(source.path.dropFirst(folder.count))
            found.insert(path)
            guard let listed = Self.statements[path] else {
                Issue.record("\(source.path) reads runs: list it here, and decide what tests are to it")
                continue
            }
            #expect(listed.count == count, "\(source.path) reads runs \(count) times: decide what tests are to each")
            if case .leftOut = listed.treatment {
                #expect(code.contains { $0.contains("\"isTest\"") }, "\(source.path) leaves no tests out")
            }
        }
        #expect(found == Set(Self.statements.keys))
    }
}
