import Postgres
import Spec
import Spelling
import Store

extension Problem {
    /// Converts a refusal of the store; `nil` for errors that callers must not see.
    init?(refusal error: any Error) {
        switch error {
        case let error as CampaignError: self = Self.refusal(error)
        case let error as TemplateError: self = Self.refusal(error)
        case let error as LaunchError: self = Self.refusal(error)
        case let error as TestSendError:
            switch error {
            case .invalid, .count, .notListed: self = .invalid("to", error.description)
            case .refused, .unsendable: self = .conflict(.notReady, error.description)
            }
        case let error as ContactIDTooLong: self = .conflict(.notReady, error.description)
        case let error as ErasureError: self = .conflict(.notReady, error.description)
        case let error as PostgresError:
            guard error.serverError?.constraint == "campaign_status_moves" else { return nil }
            self = Self.statusMove(error)
        default: return nil
        }
    }

    private static func refusal(_ error: CampaignError) -> Problem {
        switch error {
        case .unknown: .notFound("campaign")
        case .managed: .conflict(.managedBySpec, error.description)
        case .protected: .conflict(.protected, error.description)
        case .nameTaken: .conflict(.nameTaken, error.description)
        case .state(let status, _): .conflict(status: status.rawValue, error.description)
        case .hasRuns: .conflict(.inUse, error.description)
        case .incomplete: .conflict(.notReady, error.description)
        case .policy: .conflict(.policyViolated, error.description)
        }
    }

    private static func refusal(_ error: TemplateError) -> Problem {
        switch error {
        case .unknown: .notFound("template")
        case .managed(let file):
            .conflict(
                .managedBySpec,
                "the template is owned by \(file.map { "the file \($0)" } ?? "a spec"): change it there"
            )
        case .protected: .conflict(.protected, "the template is protected")
        case .inUse(let names):
            .conflict(.inUse, "campaigns use the template: \(SpellingSuggestion.list(names, "and"))")
        case .nameTaken(let name): .conflict(.nameTaken, "the tenant already has a template `\(name)`")
        case .refused(let findings):
            .invalid(findings.map { FieldProblem($0.field, "\($0.message); \($0.help)") })
        case .unknownAccount, .noAccount: .invalid("account", error.description)
        }
    }

    private static func refusal(_ error: LaunchError) -> Problem {
        switch error {
        case .unknownCampaign: .notFound("campaign")
        case .notLaunchable(_, let status):
            .conflict(status: status.rawValue, "a campaign that is \(status.rawValue) cannot be launched")
        case .ambiguousName: .conflict(.notReady, error.description)
        case .noEvent: .conflict(.notReady, "the campaign has no event to wait for; set `triggerType`")
        case .triggered: .conflict(.notReady, "the campaign is started by its trigger")
        case .noAudience: .conflict(.notReady, "the campaign has no `audienceFilter`, so it has no recipients")
        case .noSender: .conflict(.notReady, "the campaign has no sender")
        case .emptyAudience(_, let funnel): .conflict(.notReady, "no contact matches the audience: \(funnel.words)")
        case .runOpen(_, let status): .conflict(status: status.rawValue, "a run of the campaign is open")
        case .neverSent: .conflict(.notReady, "the campaign was never sent")
        case .keyOfAnother:
            .conflict(.notReady, "the key belongs to another kind of request; take a new `Idempotency-Key`")
        case .nothingToRetry(_, let deleted):
            .conflict(
                .notReady,
                "no failed message may be repeated: none that was never accepted, and whose contact is opted in and active"
                    + (deleted > 0 ? "; retention has deleted \(deleted) that failed or were in doubt" : "")
            )
        case .noneToResend: .conflict(.notReady, error.description)
        case .tooManyRecipients(_, let recipients, let allowed):
            .conflict(
                .policyViolated,
                "the campaign has \(recipients) recipients; the policy of the tenant allows \(allowed)"
            )
        case .policy(_, let problem): .conflict(.policyViolated, "the campaign \(problem)")
        case .template(_, let problem): .conflict(.notReady, "the campaign \(problem)")
        case .noneReachable(_, let people):
            .conflict(
                .notReady,
                "the campaign sends free text, and none of the \(people) contacts of its audience has written within 24 hours"
            )
        case .quotaExhausted(_, let problem): .conflict(.quotaExhausted, problem)
        case .insufficientBalance(_, let needed, let available):
            .conflict(
                .insufficientBalance,
                "insufficient balance: the campaign needs \(needed) tokens, \(available) are available"
            )
        case .unreadableAudience: .conflict(.notReady, "the stored `audienceFilter` cannot be read")
        }
    }

    /// Makes the problem of a change of state that Postgres refused: a concurrent request was faster.
    private static func statusMove(_ error: PostgresError) -> Problem {
        let words = (error.serverError?.message ?? "").split(separator: " ").map(String.init)
        let status = words.firstIndex(of: "from").flatMap { words.indices.contains($0 + 1) ? words[$0 + 1] : nil }
        return .conflict(
            status: status.flatMap(CampaignStatus.init)?.rawValue,
            "the campaign is in a state that does not allow this"
        )
    }
}
