/// Tenants, times and schedules.
extension DiagnosticCode {
    static let timeFamily = [
        tenantName, timeZone, quietHours, duration, localTime, cronSyntax, eitherDay, emptyWindow, neverFires,
        expiredSchedule, clockChange, quietHoursOfTenant, laterFreeText, silentSchedule,
    ]

    public static let tenantName = DiagnosticCode(
        "C050",
        .error,
        "tenant under another name",
        "A tenant is its folder: the `Tenant` document in it has the same name, and there is only one.",
        in: "kind: Tenant\nname: …\ntimeZone: Europe/London",
        wrong: "other",
        right: "acme"
    )

    public static let timeZone = DiagnosticCode(
        "C051",
        .error,
        "unknown time zone",
        """
        Times need the name of a zone in the IANA database, such as `Africa/Nairobi`. Abbreviations like `PST` and plain \
        offsets know nothing of summer time.
        """,
        in: "kind: Tenant\nname: acme\ntimeZone: …",
        wrong: "PST",
        right: "America/New_York"
    )

    public static let quietHours = DiagnosticCode(
        "C052",
        .error,
        "quiet hours without a length",
        "Quiet hours that start when they end are either never or always quiet.",
        in: "kind: Tenant\nname: acme\ntimeZone: Europe/London\nquietHours: { from: \"21:00\", to: \"…\" }",
        wrong: "21:00",
        right: "08:00"
    )

    public static let duration = DiagnosticCode(
        "C053",
        .error,
        "duration",
        "A duration is a whole number with its unit: `90s`, `15m`, `24h` or `7d`, within the field's limit.",
        in: ExampleSpecs.trigger("event: payment.received\ncooldown: …"),
        wrong: "1 day",
        right: "24h"
    )

    public static let localTime = DiagnosticCode(
        "C054",
        .error,
        "time without a zone",
        """
        The field takes the time on the wall, such as `2026-12-01T09:00` or `21:00`. Which wall it is, `timeZone` says; \
        an offset or a `Z` would say it twice.
        """,
        in: ExampleSpecs.schedule("at: \"…\""),
        wrong: "2045-12-01T09:00Z",
        right: "2045-12-01T09:00"
    )

    public static let cronSyntax = DiagnosticCode(
        "C055",
        .error,
        "cron expression",
        """
        A schedule has five fields: minute, hour, day of month, month, day of week. A date that no year has, such as 30 \
        February, is an error too. `reconcile next` shows what an expression means.
        """,
        in: ExampleSpecs.schedule("cron: \"…\""),
        wrong: "0 9 30 FEB *",
        right: "0 9 28 FEB *"
    )

    public static let eitherDay = DiagnosticCode(
        "C056",
        .warning,
        "either day matches",
        """
        When neither day field starts with `*`, cron fires on days that match one of the two, not both: `0 9 13 * FRI` \
        is every 13th and every Friday.
        """,
        in: ExampleSpecs.schedule("cron: \"…\""),
        wrong: "0 9 13 * FRI",
        right: "0 9 * * FRI"
    )

    public static let emptyWindow = DiagnosticCode(
        "C057",
        .error,
        "window without a length",
        "`from` must be before `until`, otherwise no time is between them.",
        in: ExampleSpecs.schedule("cron: \"0 9 * * MON\"\nfrom: 2045-06-01\nuntil: …"),
        wrong: "2045-01-01",
        right: "2046-01-01"
    )

    public static let neverFires = DiagnosticCode(
        "C058",
        .error,
        "schedule that never fires",
        "No time of the expression is between `from` and `until`, so the campaign would never start.",
        in: ExampleSpecs.schedule("cron: \"0 9 29 FEB *\"\nfrom: 2045-01-01\nuntil: …"),
        wrong: "2047-12-31",
        right: "2048-12-31"
    )

    public static let expiredSchedule = DiagnosticCode(
        "C059",
        .warning,
        "schedule in the past",
        """
        All its times are over. A schedule that has fired may stay in the repository, so this is no error; it starts \
        nothing any more.
        """,
        in: ExampleSpecs.schedule("at: …-12-01T09:00"),
        wrong: "2020",
        right: "2045"
    )

    public static let clockChange = DiagnosticCode(
        "C060",
        .warning,
        "time at a change of the clock",
        """
        On the day when the clock goes forward some times of day do not exist, and when it goes back some come twice. \
        `dst` says what happens then; another hour avoids the question.
        """,
        in: ExampleSpecs.schedule("cron: \"30 … * * *\"", zone: "Europe/Berlin"),
        wrong: "2",
        right: "9"
    )

    public static let quietHoursOfTenant = DiagnosticCode(
        "C064",
        .warning,
        "quiet hours on the tenant's clock",
        """
        `localTime` sends at the schedule's time on the clock of each contact, but quiet hours are read on the clock of the \
        tenant. Where it is morning for a contact and night for the tenant, the message waits until the quiet hours end, or \
        with `action: skip` is never sent. `clock: contact` has quiet hours follow the clock of each contact, too. If all contacts \
        of the campaign live near the tenant, allow the warning with `# allow C064: …`.
        """,
        in: "kind: Tenant\nname: acme\ntimeZone: Africa/Nairobi\nquietHours: { from: \"21:00\", to: \"07:30\" }\n---\n"
            + ExampleSpecs.schedule("cron: \"0 9 * * MON\"\nlocalTime: …"),
        wrong: "true",
        right: "false"
    )

    public static let silentSchedule = DiagnosticCode(
        "C106",
        .warning,
        "schedule that sends nothing",
        """
        All times of the schedule lie in quiet hours, and with `action: skip` a message that falls into these is never sent. Choose \
        another time, or let messages wait for the end of quiet hours.
        """,
        in: "kind: Tenant\nname: acme\ntimeZone: Africa/Nairobi\n"
            + "quietHours: { from: \"21:00\", to: \"07:30\", action: skip }\n---\n"
            + ExampleSpecs.schedule("cron: \"…\""),
        wrong: "0 22 * * MON",
        right: "0 9 * * MON"
    )

    public static let laterFreeText = DiagnosticCode(
        "C085",
        .warning,
        "free text that is sent later",
        """
        Free text reaches only people who wrote within the last 24 hours, and is counted for those who have at the launch. \
        With `localTime`, or quiet hours with `clock: contact`, it may be sent many hours later: it then fails for people whose \
        window has closed. A template reaches them.
        """,
        in: ExampleSpecs.schedule("cron: \"0 9 * * MON\"\nlocalTime: …"),
        wrong: "true",
        right: "false"
    )
}
