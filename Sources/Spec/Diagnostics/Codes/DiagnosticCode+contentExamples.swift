extension DiagnosticCode {
    var filterExample: DiagnosticExample? {
        let audience = "kind: Audience\nname: vips\nconditions: [{ … }]"
        return switch self {
        case .filterField:
            .init(audience, bad: "field: nam, operator: eq, value: Ann", good: "field: name, operator: eq, value: Ann")
        case .filterOperator:
            .init(
                audience,
                bad: "field: tags, operator: gt, value: vip",
                good: "field: tags, operator: contains, value: vip"
            )
        case .filterValue:
            .init(
                audience,
                bad: "field: yearOfBirth, operator: lt, value: old",
                good: "field: yearOfBirth, operator: lt, value: 1960"
            )
        default: nil
        }
    }

    var messageExample: DiagnosticExample? {
        let campaign = Self.campaign(type: "manual")
        let withParameters =
            "\(Self.template)\n---\n"
            + campaign.replacing(
                Self.freeText,
                with: "template: welcome\nparams: { … }"
            )
        switch self {
        case .placeholder:
            return .init(campaign.replacing("body: Hi", with: "body: \"Hi {{…}}\""), bad: "nam", good: "name|there")
        case .missingParameter: return .init(withParameters, bad: "", good: "\"1\": \"{{name|there}}\"")
        case .superfluousParameter:
            return .init(withParameters, bad: "\"1\": \"{{name}}\", \"2\": Ann", good: "\"1\": \"{{name}}\"")
        case .templateLimit: return .init(Self.template + "\nfooter: …", bad: "\"Bye {{1}}\"", good: "Bye")
        case .messageShape:
            return .init(
                campaign.replacing(Self.freeText, with: "message: { type: contacts, contacts: [ … ] }"),
                bad: "",
                good: "{ name: { formatted_name: Ann Lee, first_name: Ann } }"
            )
        default: return nil
        }
    }

    var timeExample: DiagnosticExample? {
        switch self {
        case .tenantName: .init("kind: Tenant\nname: …\ntimeZone: Europe/London", bad: "other", good: "acme")
        case .timeZone: .init("kind: Tenant\nname: acme\ntimeZone: …", bad: "PST", good: "America/New_York")
        case .quietHours:
            .init(
                "kind: Tenant\nname: acme\ntimeZone: Europe/London\nquietHours: { from: \"21:00\", to: \"…\" }",
                bad: "21:00",
                good: "08:00"
            )
        case .duration: Self.trigger("cooldown: …", bad: "1 day", good: "24h")
        case .localTime: Self.schedule("at: \"…\"", bad: "2045-12-01T09:00Z", good: "2045-12-01T09:00")
        case .cronSyntax: Self.schedule("cron: \"…\"", bad: "0 9 30 FEB *", good: "0 9 28 FEB *")
        case .eitherDay: Self.schedule("cron: \"…\"", bad: "0 9 13 * FRI", good: "0 9 * * FRI")
        case .emptyWindow:
            Self.schedule("cron: \"0 9 * * MON\"\nfrom: 2045-06-01\nuntil: …", bad: "2045-01-01", good: "2046-01-01")
        case .neverFires:
            Self.schedule("cron: \"0 9 29 FEB *\"\nfrom: 2045-01-01\nuntil: …", bad: "2047-12-31", good: "2048-12-31")
        case .expiredSchedule: Self.schedule("at: …-12-01T09:00", bad: "2020", good: "2045")
        case .clockChange: Self.schedule("cron: \"30 … * * *\"", bad: "2", good: "9", zone: "Europe/Berlin")
        default: nil
        }
    }

    var startExample: DiagnosticExample? {
        let triggered = Self.campaign(type: "event_triggered")
        let start = "kind: Trigger\nname: on-payment\ncampaign: welcome\nevent: payment.received"
        switch self {
        case .unknownEvent:
            return Self.trigger("…", bad: "event: invoice.sent", good: "event: invoice.sent\ncustom: true")
        case .needlessCustom: return Self.trigger("event: payment.received…", bad: "\ncustom: true", good: "")
        case .nulCharacter: return .init(Self.template.replacing("Hi {{1}}", with: "\"Hi…\""), bad: "\\0", good: "!")
        case .notScheduled: return Self.schedule("cron: \"0 9 * * MON\"", bad: "manual", good: "scheduled", type: "…")
        case .notEventTriggered:
            return .init("\(Self.campaign(type: "…"))\n---\n\(start)", bad: "manual", good: "event_triggered")
        case .secondTrigger:
            let second =
                "\n---\n" + start.replacing("on-payment", with: "on-overdue").replacing("received", with: "overdue")
            return .init("\(triggered)\n---\n\(start)…", bad: second, good: "")
        case .noSchedule: return Self.schedule("cron: \"0 9 * * MON\"")
        case .noTrigger: return .init(triggered + "…", bad: "", good: "\n---\n\(start)")
        case .closedWindow:
            let everybody = Self.campaign(type: "manual").replacing("value: -24h", with: "value: …")
            return .init(everybody, bad: "-30d", good: "-24h")
        case .unfillablePlaceholder:
            let text = Self.campaign(type: "manual").replacing("body: Hi", with: "body: \"Your bill: {{…}}\"")
            return .init(text, bad: "context.amount", good: "metadata.amount|see inside")
        default: return nil
        }
    }

    private static func trigger(_ fields: String, bad: String, good: String) -> DiagnosticExample {
        let event = fields.contains("event") || bad.contains("event") ? "" : "event: payment.received\n"
        let text =
            "\(campaign(type: "event_triggered"))\n---\nkind: Trigger\nname: start\ncampaign: welcome\n\(event)\(fields)"
        return DiagnosticExample(text, bad: bad, good: good)
    }

    private static func schedule(
        _ fields: String,
        bad: String,
        good: String,
        zone: String = "Africa/Nairobi",
        type: String = "scheduled"
    ) -> DiagnosticExample {
        DiagnosticExample(schedule(fields, zone: zone, type: type), bad: bad, good: good)
    }

    private static func schedule(_ fields: String) -> DiagnosticExample {
        DiagnosticExample(campaign(type: "scheduled"), schedule(fields, zone: "Africa/Nairobi", type: "scheduled"))
    }

    private static func schedule(_ fields: String, zone: String, type: String) -> String {
        "\(campaign(type: type))\n---\nkind: Schedule\nname: start\ncampaign: welcome\n\(fields)\ntimeZone: \(zone)"
    }
}
