/// The specs and contacts of a stage.
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

    /// A CSV file; each recipient belongs to one campaign.
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
