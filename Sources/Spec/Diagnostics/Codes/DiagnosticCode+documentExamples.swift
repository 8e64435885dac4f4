extension DiagnosticCode {
    private static let sender = """
        kind: Sender
        name: main
        phoneNumberId: "106540352242922"
        accessToken: env:WHATSAPP_TOKEN
        """

    var yamlExample: DiagnosticExample? {
        switch self {
        case .syntax:
            .init(
                "kind: Audience\nname: vips\nconditions: [{ field: name, operator: eq, value: … }]",
                bad: "[",
                good: "Ann"
            )
        case .tab:
            .init("kind: Audience\nname:…vips\nconditions: [{ field: tags, operator: is_null }]", bad: "\t", good: " ")
        case .duplicateKey: .init("\(Self.sender)\n…: 1", bad: "name", good: "tier")
        case .mergeKey: .init("\(Self.sender)\n…", bad: "<<: { tier: 2 }", good: "tier: 2")
        case .nonStringKey:
            .init(
                "\(Self.template)\n---\n\(Self.campaign(type: "manual").replacing(Self.freeText, with: "template: welcome"))"
                    + "\nparams: { …: \"{{name|there}}\" }",
                bad: "1",
                good: "\"1\""
            )
        case .unknownTag: .init("\(Self.sender)\ntier: … 2", bad: "!number", good: "!!int")
        case .unknownAnchor:
            .init(
                "kind: Audience\nname: vips\nconditions: …",
                bad: "*base",
                good: "&base [{ field: tags, operator: is_null }]"
            )
        case .ambiguousScalar: .init(Self.template.replacing("Hi {{1}}", with: "…"), bad: "no", good: "\"no\"")
        default: nil
        }
    }

    var documentExample: DiagnosticExample? {
        switch self {
        case .unknownKind: .init(Self.sender.replacing("Sender", with: "…"), bad: "Sendr", good: "Sender")
        case .unknownField: .init("\(Self.sender)\n…: 80", bad: "ratePersecond", good: "ratePerSecond")
        case .missingField:
            .init("kind: Audience\nname: vips…", bad: "", good: "\nconditions: [{ field: tags, operator: is_null }]")
        case .wrongType: .init("\(Self.sender)\nratePerSecond: …", bad: "fast", good: "80")
        case .invalidValue: .init("\(Self.sender)\ntier: …", bad: "5", good: "4")
        case .invalidName: .init(Self.sender.replacing("name: main", with: "name: …"), bad: "Main", good: "main")
        case .literalSecret:
            .init(
                Self.sender.replacing("env:WHATSAPP_TOKEN", with: "…"),
                bad: "EAAGm0PX4ZCpsBA",
                good: "env:WHATSAPP_TOKEN"
            )
        case .duplicateSpec:
            .init(
                "\(Self.sender)\n---\n" + Self.sender.replacing("name: main", with: "name: …"),
                bad: "main",
                good: "second"
            )
        case .unknownReference:
            .init(
                "\(Self.sender)\n---\n\(Self.campaign.replacing("sender: main", with: "sender: …"))",
                bad: "mian",
                good: "main"
            )
        case .conflictingFields: .init("\(Self.sender)\n…", bad: "tier: 1\ndailyLimit: 250", good: "dailyLimit: 250")
        default: nil
        }
    }

    var allowExample: DiagnosticExample? {
        let trigger = "\(Self.sender)\n---\n" + Self.campaign.replacing("type: manual", with: "type: …")
        switch self {
        case .allowWithoutReason:
            return .init(
                trigger,
                bad: "event_triggered  # allow C074",
                good: "event_triggered  # allow C074: started by hand"
            )
        case .unknownAllowCode:
            return .init(trigger, bad: "manual  # allow C999: known", good: "manual")
        case .allowedError:
            return .init(trigger, bad: "manul  # allow C015: known", good: "manual")
        case .unusedAllow:
            return .init(trigger, bad: "manual  # allow C074: not needed any more", good: "manual")
        default: return nil
        }
    }

    static let freeText = "message: { type: text, text: { body: Hi } }"

    static var template: String {
        """
        kind: Template
        name: welcome
        whatsappName: welcome
        language: en
        category: utility
        body: Hi {{1}}
        """
    }

    static var campaign: String {
        """
        kind: Campaign
        name: welcome
        type: manual
        sender: main
        \(freeText)
        audience: { conditions: [{ field: lastSeen, operator: gt, value: -24h }] }
        """
    }

    /// A campaign with its sender, of a type.
    static func campaign(type: String) -> String {
        "\(sender)\n---\n\(campaign.replacing("type: manual", with: "type: \(type)"))"
    }
}
