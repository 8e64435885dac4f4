import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// Templates with files, cards, offers and codes, from the spec to a WhatsApp that refuses wrong parameters.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct TemplatePartsTests {
    /// The templates as WhatsApp has them.
    private static let rules = """
        {"templates":[
            {"name":"hello","language":"en","parameters":["1"]},
            {"name":"spring","language":"en","header":"image","parameters":["1"],"buttons":["url","quick_reply"]},
            {"name":"cards","language":"en","parameters":["1"],"cards":[
                {"header":"image","parameters":["1"],"buttons":["url"]},{"header":"image","parameters":[],"buttons":["url"]}]},
            {"name":"offer","language":"en","header":"image","parameters":["1"],"hasOffer":true,"buttons":["copy_code","url"]},
            {"name":"code","language":"en","category":"AUTHENTICATION","parameters":["1"],"buttons":["otp"]},
            {"name":"place","language":"en","header":"location","parameters":[],"buttons":["flow"]}
        ]}
        """

    private static let templates = """
        kind: Tenant
        name: test
        # Nobody reads the account here.
        templates: "off"
        ---
        kind: Account
        name: main
        wabaId: "102290129340398"
        accessToken: env:WHATSAPP_TOKEN_TEST
        ---
        kind: Template
        name: spring
        whatsappName: spring
        language: en
        category: marketing
        header: { image: "https://shop.example/spring.jpg" }
        body: "Dear {{1}}, our spring sale is here."
        buttons:
          - { type: url, text: Shop, url: "https://shop.example/{{1}}" }
          - { type: quickReply, text: Later }
        examples: { "1": Ada, button.0: sale }
        ---
        kind: Template
        name: cards
        whatsappName: cards
        language: en
        category: marketing
        body: "Dear {{1}}, these are our favourites."
        cards:
          - header: { image: "https://shop.example/a.jpg" }
            body: "Shoes for {{1}} in all sizes."
            buttons: [{ type: url, text: Buy, url: "https://shop.example/{{1}}" }]
          - header: { image: "https://shop.example/b.jpg" }
            body: Bags of all kinds.
            buttons: [{ type: url, text: Buy, url: "https://shop.example/{{1}}" }]
        examples: { "1": Ada, card.0.1: you, card.0.button.0: shoes, card.1.button.0: bags }
        ---
        kind: Template
        name: offer
        whatsappName: offer
        language: en
        category: marketing
        header: { image: true }
        body: "Dear {{1}}, use this code in our shop."
        offer: { text: Ends soon }
        buttons:
          - { type: copyCode }
          - { type: url, text: Shop, url: "https://shop.example/{{1}}" }
        examples: { "1": Ada, button.0: SAVE10, button.1: x, header.link: "https://shop.example/o.jpg" }
        ---
        kind: Template
        name: code
        whatsappName: code
        language: en
        category: authentication
        otp: { type: copyCode, codeExpiry: 10m }
        ---
        kind: Template
        name: place
        whatsappName: place
        language: en
        category: utility
        header: { location: true }
        body: We are here.
        buttons: [{ type: flow, text: Book, flowId: "1018" }]
        """

    private static let params = [
        "spring": "{ \"1\": \"{{name}}\", button.0: \"{{contactId}}\" }",
        "cards": "{ \"1\": \"{{name}}\", card.0.1: \"{{name}}\", card.0.button.0: a, card.1.button.0: b }",
        "offer": """
        { "1": "{{name}}", header.id: "1013", button.0: SAVE10, button.1: "{{contactId}}",
          offer.expires: "2045-12-01T20:00:00Z" }
        """,
        "code": "{ code: \"{{contactId}}\" }",
        "place": "{ header.latitude: \"-1.2921\", header.longitude: \"36.8219\" }",
    ]

    private static func campaign(_ name: String) -> String {
        """
        kind: Campaign
        name: \(name)
        type: manual
        sender: main
        template: \(name)
        params: \(params[name] ?? "{}")
        audience: { conditions: [{ field: tags, operator: contains, value: demo }] }
        """
    }

    @Test(.timeLimit(.minutes(3)))
    func everyPartIsAccepted() async throws {
        let rules = try SimulatorRules(json: Data(Self.rules.utf8))
        let names = Self.params.keys.sorted()
        try await Stage.with(contacts: 3, rate: 80, rules: rules) { stage in
            let folder = URL(filePath: stage.campaigns).appending(path: "test")
            // The template of the stage ends with its variable, which is for templates without an account only.
            let specs = folder.appending(path: "campaign.yaml")
            let hello = try String(contentsOf: specs, encoding: .utf8)
                .replacing(
                    "body: \"Hello {{1}}\"",
                    with: "body: \"Hello {{1}}, how are you?\"\nexamples: { \"1\": Ada }"
                )
            try hello.write(to: specs, atomically: true, encoding: .utf8)
            let text = ([Self.templates] + names.map(Self.campaign)).joined(separator: "\n---\n")
            try text.write(to: folder.appending(path: "parts.yaml"), atomically: true, encoding: .utf8)
            try await stage.succeed("reconcile", stage.campaigns, "--max-change-percent", "100")
            let daemon = try await stage.startDaemon()
            for name in names { try await stage.succeed("campaignd", "send", name, "--tenant", "test", "--yes") }
            try await eventually(within: .seconds(60), "everything is reported") {
                let statuses = try await stage.statuses()
                return statuses["delivered", default: 0] + statuses["read", default: 0] == 3 * names.count
            }
            #expect(try await stage.statuses()["failed"] == nil)
            let failures = try await stage.pool.query("SELECT count(*) FROM message_failures")
            #expect(try failures[0].decode(0, as: Int.self) == 0)
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)

            // What is exported reads as the same specs.
            let out = stage.folder.appending(path: "exported").path
            try await stage.succeed("reconcile", "export", "--tenant", "test", out)
            let plan = try await Command.run(
                "reconcile",
                [out, "--dry-run", "--detailed-exitcode"],
                environment: stage.environment
            )
            #expect(plan.exitCode == 0, "\(plan.output)\(plan.errors)")
        }
    }
}
