/// The specs that the examples of diagnostic codes are made of.
enum ExampleSpecs {
    static let sender = """
        kind: Sender
        name: main
        phoneNumberId: "106540352242922"
        accessToken: env:WHATSAPP_TOKEN
        """

    static let account = """
        kind: Account
        name: main
        wabaId: "102290129340398"
        accessToken: env:WHATSAPP_TOKEN
        """

    static let template = """
        kind: Template
        name: welcome
        whatsappName: welcome
        language: en
        category: utility
        body: Hi {{1}}
        """

    /// The message of ``campaign``.
    static let freeText = "message: { type: text, text: { body: Hi } }"

    static let campaign = """
        kind: Campaign
        name: welcome
        type: manual
        sender: main
        \(freeText)
        audience: { conditions: [{ field: lastSeen, operator: gt, value: -24h }] }
        """

    /// An audience with one condition to fill in.
    static let audience = "kind: Audience\nname: vips\nconditions: [{ … }]"

    /// Writes a campaign of a type, with its sender.
    static func campaign(type: String) -> String {
        "\(sender)\n---\n\(campaign.replacing("type: manual", with: "type: \(type)"))"
    }

    /// Writes a manual campaign with its sender and one part written differently.
    static func campaign(replacing part: String, with other: String) -> String {
        campaign(type: "manual").replacing(part, with: other)
    }

    /// Writes a campaign that uses a template, with the fields that follow.
    static func templateCampaign(_ fields: String) -> String {
        "\(template)\n---\n\(campaign(replacing: freeText, with: fields))"
    }

    /// Writes a trigger with its campaign.
    static func trigger(_ fields: String, type: String = "event_triggered") -> String {
        "\(campaign(type: type))\n---\nkind: Trigger\nname: start\ncampaign: welcome\n\(fields)"
    }

    /// Writes a schedule with its campaign.
    static func schedule(_ fields: String, type: String = "scheduled", zone: String = "Africa/Nairobi") -> String {
        "\(campaign(type: type))\n---\n\(scheduleAlone(fields, zone: zone))"
    }

    /// Writes a schedule without its campaign.
    static func scheduleAlone(_ fields: String, zone: String = "Africa/Nairobi") -> String {
        "kind: Schedule\nname: start\ncampaign: welcome\n\(fields)\ntimeZone: \(zone)"
    }

    /// A trigger without its campaign.
    static let triggerAlone = "kind: Trigger\nname: on-payment\ncampaign: welcome\nevent: payment.received"
}
