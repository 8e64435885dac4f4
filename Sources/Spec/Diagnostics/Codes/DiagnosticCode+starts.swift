/// Codes about the start of campaigns, and about audiences without reachable contacts.
extension DiagnosticCode {
    static let startFamily = [
        unknownEvent, needlessCustom, nulCharacter, notScheduled, notEventTriggered, secondTrigger, noSchedule,
        noTrigger, closedWindow, unfillablePlaceholder,
    ]

    public static let unknownEvent = DiagnosticCode(
        "C061",
        .error,
        "unknown event",
        """
        An event that is not predefined never comes if its name is misspelt. `custom: true` says that another system \
        fires it under this name.
        """,
        in: ExampleSpecs.trigger("…"),
        wrong: "event: invoice.sent",
        right: "event: invoice.sent\ncustom: true"
    )

    public static let needlessCustom = DiagnosticCode(
        "C062",
        .warning,
        "predefined event",
        "The event is known, so that `custom: true` says nothing.",
        in: ExampleSpecs.trigger("event: payment.received…"),
        wrong: "\ncustom: true",
        right: ""
    )

    public static let nulCharacter = DiagnosticCode(
        "C063",
        .error,
        "NUL character",
        "Text with the character U+0000 cannot be stored, and no phone could show it.",
        in: ExampleSpecs.template.replacing("Hi {{1}}", with: "\"Hi…\""),
        wrong: "\\0",
        right: "!"
    )

    public static let notScheduled = DiagnosticCode(
        "C070",
        .error,
        "schedule on another type",
        "Only campaigns with `type: scheduled` are started by a schedule.",
        in: ExampleSpecs.schedule("cron: \"0 9 * * MON\"", type: "…"),
        wrong: "manual",
        right: "scheduled"
    )

    public static let notEventTriggered = DiagnosticCode(
        "C071",
        .error,
        "trigger on another type",
        "Only campaigns with `type: event_triggered` are started by a trigger.",
        in: "\(ExampleSpecs.campaign(type: "…"))\n---\n\(ExampleSpecs.triggerAlone)",
        wrong: "manual",
        right: "event_triggered"
    )

    public static let secondTrigger = DiagnosticCode(
        "C072",
        .error,
        "second trigger",
        "A campaign listens to one event; use a campaign for each event.",
        in: "\(ExampleSpecs.campaign(type: "event_triggered"))\n---\n\(ExampleSpecs.triggerAlone)…",
        wrong: "\n---\nkind: Trigger\nname: on-overdue\ncampaign: welcome\nevent: payment.overdue",
        right: ""
    )

    public static let noSchedule = DiagnosticCode(
        "C073",
        .warning,
        "scheduled campaign without a schedule",
        "Without a `Schedule` nothing starts the campaign.",
        in: ExampleSpecs.campaign(type: "scheduled") + "…",
        wrong: "",
        right: "\n---\n" + ExampleSpecs.scheduleAlone("cron: \"0 9 * * MON\"")
    )

    public static let noTrigger = DiagnosticCode(
        "C074",
        .warning,
        "triggered campaign without a trigger",
        "Without a `Trigger` nothing starts the campaign.",
        in: ExampleSpecs.campaign(type: "event_triggered") + "…",
        wrong: "",
        right: "\n---\n" + ExampleSpecs.triggerAlone
    )

    public static let closedWindow = DiagnosticCode(
        "C075",
        .warning,
        "free message outside of the 24 h window",
        """
        WhatsApp delivers free text and media only to contacts who wrote within the last 24 hours, and fails the others \
        with code 131047. Use a template, or narrow the audience with a condition on `lastSeen` that every contact has \
        to meet.
        """,
        in: ExampleSpecs.campaign(replacing: "value: -24h", with: "value: …"),
        wrong: "-30d",
        right: "-24h"
    )

    public static let unfillablePlaceholder = DiagnosticCode(
        "C076",
        .error,
        "placeholder that nothing can fill",
        """
        `{{context.…}}` is what an event or a module sends along. Manual and scheduled campaigns have none, so that every \
        message would fail.
        """,
        in: ExampleSpecs.campaign(replacing: "body: Hi", with: "body: \"Your bill: {{…}}\""),
        wrong: "context.amount",
        right: "metadata.amount|see inside"
    )
}
