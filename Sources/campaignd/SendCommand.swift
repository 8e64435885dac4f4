import API
import ArgumentParser
import CommandKit
import Foundation
import JSON
import Logging
import Postgres
import Runtime
import Spec
import Spelling
import Store

struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Launch a campaign, or send its message to test recipients.",
        discussion: """
            Freezes the content, writes one message for each recipient and leaves the sending to the daemons. A campaign \
            is launched once: a second call reports the state of the first run. With --again a completed campaign is sent \
            once more on purpose, to the people who are in its audience now. With --test the message goes only to the numbers \
            given, which must be in `testRecipients` of the tenant's spec: the campaign keeps its state, and no report counts \
            it; `campaignd tests` lists it. On a terminal it shows the recipients, the quota \
            and the duration, and asks; --yes does not.

            Examples:
              campaignd send acme/offer
              campaignd send offer --tenant acme --yes
              campaignd send acme/offer --again --key 2026-12-01 --yes
              campaignd send acme/offer --test +254700000017 --test +254700000018 --reason "new wording"
            """
    )

    @OptionGroup var campaign: CampaignSelection

    @Flag(name: .customLong("again"), help: "Send a campaign once more: shows when it last went out, and asks.")
    var isAgain = false

    @Option(
        name: .customLong("test"),
        help: ArgumentHelp("A test recipient of the tenant who gets the message; may be repeated.", valueName: "number")
    )
    var testNumbers: [String] = []

    @Option(help: "Your own name for a launch with --again or --test: a second call with the same name sends nothing.")
    var key: String?

    @Option(help: "The reason of a test, for the list of tests.")
    var reason: String?

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        let isTest = !testNumbers.isEmpty
        guard !isAgain || !isTest else { throw ValidationError("Give --again or --test, not both.") }
        guard reason == nil || isTest else { throw ValidationError("--reason is that of a test; give --test.") }
        guard let key else { return }
        guard isAgain || isTest else { throw ValidationError("--key names a launch with --again or --test.") }
        guard (1...200).contains(key.unicodeScalars.count) else {
            throw ValidationError("--key takes 1 to 200 characters.")
        }
    }

    func run() async throws {
        if isAgain { return try await sendAgain() }
        if !testNumbers.isEmpty { return try await sendTest() }
        try await database.withPool(of: [campaign.owner]) { pool in
            let launches = LaunchRepository(pool: pool)
            let found = try await campaign.find(pool)
            try await confirm(found, launches)
            let outlooks = OutlookRepository(pool: pool)
            switch try await open(found, launches) {
            case .opened(let run):
                let quota = try await launches.quota(of: run.id, now: Date())
                let remarks = try await Self.remarks(onRun: run.id, pool)
                let text =
                    Self.summary(of: run, try await outlooks.outlook(of: run), as: "launched")
                    + (quota.map(Self.lines(of:)) ?? "") + remarks.map { "\n  warning     \($0)" }.joined()
                try await write(run, isNew: true, remarks: remarks, text: text, pool)
            case .underWay(let run):
                let outlook = try await outlooks.outlook(of: run)
                let text = Self.summary(of: run, outlook, as: "is under way already")
                try await write(run, isNew: false, text: text, pool)
            case .over(let run):
                let hint = run.status == .completed ? "\n  once more   campaignd send \(run.path) --again" : ""
                let text = Self.summary(of: run, nil, as: "was sent already and is \(run.status.rawValue)") + hint
                try await write(run, isNew: false, text: text, pool)
            }
        }
    }

    private func write(
        _ run: RunRecord,
        isNew: Bool,
        remarks: [String] = [],
        text: String,
        _ pool: PostgresPool
    ) async throws {
        let document = try await run.document(pool)
        output.write(
            ["isNew": .bool(isNew), "run": document, "remarks": .array(remarks.map(JSONValue.string))],
            text: text
        )
    }

    /// Returns what is known at WhatsApp of the number and the template of a run, as sentences.
    private static func remarks(onRun run: UUID, _ pool: PostgresPool) async throws -> [String] {
        try await AccountFactRepository(pool: pool).remarks(ofRun: run)
            + SubmissionRepository(pool: pool).remarks(ofRun: run)
    }

    /// Returns the same as lines for people.
    static func warnings(onRun run: UUID, _ pool: PostgresPool) async throws -> String {
        try await remarks(onRun: run, pool).map { "\n  warning     \($0)" }.joined()
    }

    private func sendTest() async throws {
        try await database.withPool(of: [campaign.owner]) { pool in
            let found = try await campaign.find(pool)
            let opened = try await TestSendRepository(pool: pool).open(
                .id(found.id),
                tenant: found.tenantID,
                to: testNumbers,
                key: key,
                reason: reason,
                by: .commandLine
            )
            let warnings = try await Self.warnings(onRun: opened.test.run.id, pool)
            output.write(opened.json(), text: opened.text(of: found) + warnings)
        }
    }

    private func sendAgain() async throws {
        let (last, launch) = try await database.withPool(of: [campaign.owner]) { pool in
            let last = try await campaign.latestRun(pool)
            return (last, try await RunRepository(pool: pool).launch(of: last.id) ?? last)
        }
        if output.format == .text { print(Self.history(last, of: launch)) }
        // Without this, an open run would be refused only after the question. A key may be the one of the open run.
        guard last.status.isOver || key != nil else {
            throw LaunchError.runOpen(
                campaign: last.campaignName,
                status: last.status == .paused ? .paused : .running
            )
        }
        try await confirmation.confirm("Send it once more, to everybody in its audience?")
        try await database.withPool(of: [campaign.owner]) { pool in
            let (run, isNew) = try await RunLauncher(launches: LaunchRepository(pool: pool), logger: .command())
                .launchAgain(
                    .id(last.campaignID),
                    tenant: last.tenantID,
                    key: key ?? UUID().uuidString.lowercased(),
                    by: .commandLine
                )
            if isNew, run.status == .cancelled { throw LaunchRefusal(run: run) }
            let outlook = try await OutlookRepository(pool: pool).outlook(of: run)
            let text = Self.summary(
                of: run,
                outlook,
                as: isNew ? "is sent again" : "was sent again under this key already"
            )
            let warnings = isNew ? try await Self.warnings(onRun: run.id, pool) : ""
            try await write(run, isNew: isNew, text: text + warnings, pool)
        }
    }

    /// Describes when a campaign was last sent, and to how many.
    private static func history(_ last: RunRecord, of launch: RunRecord) -> String {
        func time(_ run: RunRecord) -> String { run.startedAt.map { $0.formatted(.iso8601) } ?? "an unknown time" }
        let recipients = NumberText.count(launch.recipientCount, "recipient")
        let text = "\(launch.path) last went out at \(time(launch)) to \(recipients)"
        guard last.id != launch.id else { return text }
        return text + "; repeated at \(time(last)) for \(last.recipientCount.grouped) of them"
    }

    /// Shows a person what the launch will do and asks, unless the campaign has been launched before.
    private func confirm(_ campaign: NamedCampaign, _ launches: LaunchRepository) async throws {
        guard confirmation.asksPerson else { return }
        let (opening, quota) = try await launches.preview(.id(campaign.id), tenant: campaign.tenantID)
        guard case .opened(let run) = opening else { return }
        try await confirmation.confirmAtTerminal(run.isTriggered ? "Activate it?" : "Launch it?") {
            guard let quota else { return "\(campaign.path) will send to contacts as their events come" }
            let audience = quota.audience
            return """
                \(campaign.path) will be launched
                  recipients  \(audience.total.grouped) (\(audience.inWindow.grouped) in their 24 h window, \
                \(audience.outOfWindow.grouped) outside)\(Self.leftOut(run))
                  sender      \(run.senderName) at \(run.ratePerSecond.grouped)/s
                  done by     \(run.estimatedCompletionAt.map { $0.formatted(.iso8601) } ?? "unknown")
                """ + Self.cost(of: run) + Self.lines(of: quota)
        }
    }

    private func open(
        _ found: NamedCampaign,
        _ launches: LaunchRepository
    ) async throws -> LaunchRepository.Opening {
        let opening = try await RunLauncher(launches: launches, logger: .command())
            .launch(.id(found.id), tenant: found.tenantID, by: .commandLine)
        // Its audience may have grown beyond the policy while the messages were written.
        if case .opened(let run) = opening, run.status == .cancelled {
            throw LaunchRefusal(run: run)
        }
        return opening
    }

    static func lines(of quota: QuotaCheck) -> String {
        let status = quota.quotaStatus
        let limit =
            status.tierLimit.map { "of \($0.grouped) in 24 h, \((status.remaining ?? 0).grouped) left" }
            ?? "in 24 h, unlimited"
        let lines = "\n  quota       \(status.businessSent24h.grouped) \(limit)"
        return lines + (quota.warning.map { "\n  warning     \($0)" } ?? "")
    }

    /// Returns a line with the estimated costs of a run; empty without prices.
    static func cost(of run: RunRecord) -> String {
        run.estimatedCost.map { "\n  cost        \($0.words)" } ?? ""
    }

    /// Returns a line for each reason why contacts of the audience get no message.
    private static func leftOut(_ run: RunRecord) -> String {
        let lines = LeftOut.Reason.allCases.filter { run.leftOut[$0] > 0 }.enumerated().map { index, reason in
            "\n  \(index == 0 ? "left out   " : "           ") \(run.leftOut[reason].grouped) \(reason.words)"
        }
        return lines.joined()
    }

    static func summary(of run: RunRecord, _ outlook: RunOutlook?, as state: String) -> String {
        let end = outlook.map(\.endText) ?? run.estimatedCompletionAt.map { $0.formatted(.iso8601) }
        let waiting = outlook.flatMap { $0.waiting.isMoving ? nil : "\n  waits       \($0.waiting.words)" }
        return """
            \(run.tenantID)/\(run.campaignName) \(state): run \(run.id.uuidString.lowercased())
              recipients  \(run.recipientCount.grouped) (\(run.inWindowCount.grouped) in their 24 h window, \
            \(run.outOfWindowCount.grouped) outside)\(leftOut(run))
              sender      \(run.senderName) at \(run.ratePerSecond.grouped)/s
              done by     \(end ?? "unknown")
            """ + cost(of: run) + (waiting ?? "")
    }
}

/// A launch that ended before anything was sent.
private struct LaunchRefusal: Error, CustomStringConvertible {
    let run: RunRecord

    var description: String { "\(run.path) was not launched: \(run.statusReason ?? "it was cancelled")" }
}
