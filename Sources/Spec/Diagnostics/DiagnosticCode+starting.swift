extension DiagnosticCode {
    /// The texts about tenants, times and schedules.
    var timeTexts: (title: String, explanation: String)? {
        switch self {
        case .tenantName:
            (
                "tenant under another name",
                "A tenant is its folder: the `Tenant` document in it bears the same name, and there is only one."
            )
        case .timeZone:
            (
                "unknown time zone",
                "Times need the name of a zone in the IANA database, such as `Africa/Nairobi`. Abbreviations like `PST` "
                    + "and plain offsets know nothing of summer time."
            )
        case .quietHours:
            ("quiet hours without a length", "Quiet hours that start when they end are either never or always quiet.")
        case .duration:
            (
                "duration",
                "A duration is a whole number with its unit: `90s`, `15m`, `24h` or `7d`, within the field's limit."
            )
        case .localTime:
            (
                "time without a zone",
                "The field takes the time on the wall, such as `2026-12-01T09:00` or `21:00`. Which wall it is, `timeZone` "
                    + "says; an offset or a `Z` would say it twice."
            )
        case .cronSyntax:
            (
                "cron expression",
                "A schedule has five fields: minute, hour, day of month, month, day of week. A date that no year has, such "
                    + "as 30 February, is an error too. `reconcile next` shows what an expression means."
            )
        case .eitherDay:
            (
                "either day matches",
                "When neither day field starts with `*`, cron fires on days that match one of the two, not both: "
                    + "`0 9 13 * FRI` is every 13th and every Friday."
            )
        case .emptyWindow: ("window without a length", "`from` lies before `until`, or no time is between them.")
        case .neverFires:
            (
                "schedule that never fires",
                "No time of the expression lies between `from` and `until`, so the campaign would never start."
            )
        case .expiredSchedule:
            (
                "schedule in the past",
                "All its times are over. A schedule that has fired may stay in the repository, so this is no error; it "
                    + "starts nothing any more."
            )
        case .clockChange:
            (
                "time at a change of the clock",
                "On the day when the clock goes forward some times of day do not exist, and when it goes back some come "
                    + "twice. `dst` says what happens then; another hour avoids the question."
            )
        default: nil
        }
    }

    /// The texts about what starts a campaign, and whether it can reach anybody.
    var startTexts: (title: String, explanation: String)? {
        switch self {
        case .unknownEvent:
            (
                "unknown event",
                "An event that is not predefined never comes if its name is misspelt. `custom: true` says that another "
                    + "system fires it under this name."
            )
        case .needlessCustom: ("predefined event", "The event is known, so that `custom: true` says nothing.")
        case .nulCharacter:
            ("NUL character", "Text with the character U+0000 cannot be stored, and no phone could show it.")
        case .notScheduled:
            ("schedule on another type", "Only campaigns with `type: scheduled` are started by a schedule.")
        case .notEventTriggered:
            ("trigger on another type", "Only campaigns with `type: event_triggered` are started by a trigger.")
        case .secondTrigger: ("second trigger", "A campaign listens to one event; use a campaign for each event.")
        case .noSchedule: ("scheduled campaign without a schedule", "Without a `Schedule` nothing starts the campaign.")
        case .noTrigger: ("triggered campaign without a trigger", "Without a `Trigger` nothing starts the campaign.")
        case .closedWindow:
            (
                "free message outside of the 24 h window",
                "WhatsApp delivers free text and media only to contacts who wrote within the last 24 hours, and fails the "
                    + "others with code 131047. Use a template, or narrow the audience with a condition on `lastSeen` that "
                    + "every contact has to meet."
            )
        case .unfillablePlaceholder:
            (
                "placeholder that nothing can fill",
                "`{{context.…}}` is what an event or a module sends along. Manual and scheduled campaigns have none, so "
                    + "that every message would fail."
            )
        default: nil
        }
    }
}
