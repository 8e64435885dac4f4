import TestBed

/// Setup of a cell and limits of its outcome.
struct StageSetup: Sendable {
    /// Recipients of each of the two campaigns.
    var recipients = (first: 1_000, second: 1_000)
    /// Messages per second of each of the two senders.
    var ratePerSecond = 80
    /// True if both campaigns go through one sender.
    var sharesSender = false
    /// Limit of business-initiated messages of each sender in 24 hours; `nil` for none.
    ///
    /// All messages of a cell are business-initiated.
    var quota: Int?
    /// Further lines of each sender's spec.
    var senderLines = ""
    var persistence = RedisServer.Persistence.everySecond
    /// Faults of the receiver from the start, as JSON.
    var faults = "{}"
    /// Further variables of the first daemon.
    var environment: [String: String] = [:]
    /// Number of recipients without a name, which the second campaign needs.
    var nameless = 0
    /// Difference between the delays of two requests on their way to the receiver, in seconds.
    var jitter = 0.0
    /// Maximum number of failed messages; `nil` for no limit.
    var failures: Int? = 0
    /// Maximum number of unconfirmed messages; `nil` for no limit.
    var doubts: Int?
    /// True if status reports are lost, so that messages may stay unconfirmed.
    var losesReports = false
    /// Maximum time from healing to the end of all runs.
    var drain = Duration.seconds(150)
    /// Maximum time from healing to the next accepted message.
    var recovery = Duration.seconds(40)
    /// True if a debug build needs both processors of a small machine for it, so that no other cell runs beside it.
    var runsAlone = false
}

/// Specs and contacts of a stage.
enum SpecText {
    static func all(_ setup: StageSetup) -> String {
        let senders = ["one", "two"].enumerated().map { index, name in
            """
            kind: Sender
            name: \(name)
            phoneNumberId: "\(Stage.phones[index])"
            accessToken: env:WHATSAPP_TOKEN_TEST
            \(setup.quota.map { "dailyLimit: \($0)" } ?? "tier: 4")
            ratePerSecond: \(setup.ratePerSecond)
            \(setup.senderLines)
            ---

            """
        }
        return senders.joined() + """
            kind: Template
            name: hello
            whatsappName: hello
            language: en
            category: marketing
            body: "Hello {{1}}"
            ---
            \(campaign("first", sender: "one", name: "{{name|there}}"))
            ---
            \(campaign("second", sender: setup.sharesSender ? "one" : "two", name: "{{name}}"))
            """
    }

    private static func campaign(_ name: String, sender: String, name parameter: String) -> String {
        """
        kind: Campaign
        name: \(name)
        type: manual
        sender: \(sender)
        template: hello
        params: { "1": "\(parameter)" }
        audience:
          logic: AND
          conditions:
            - { field: tags, operator: contains, value: \(name) }
        """
    }

    /// Returns a CSV file in which each recipient belongs to one campaign.
    static func contacts(_ setup: StageSetup) -> String {
        let (first, second) = setup.recipients
        let rows = (1...(first + second)).map { number in
            let tag = number <= first ? "first" : "second"
            let isNameless = number > first && number <= first + setup.nameless
            return "2547\(10_000_000 + number),\(isNameless ? "" : "Contact \(number)"),\(tag)\n"
        }
        return "contactId,name,tags\n" + rows.joined()
    }
}
