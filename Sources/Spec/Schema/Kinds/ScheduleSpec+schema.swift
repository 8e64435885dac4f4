import Calendar
import JSON

extension ScheduleSpec {
    static var schema: SchemaObject {
        SchemaObject(
            timeFields + ruleFields,
            rules: .excludes("at", ["cron", "from", "until", "maxRuns", "dst"]),
            .anyOf(["cron", "at"])
        )
    }

    private static var timeFields: [SchemaField] {
        [
            SchemaField(
                "campaign",
                .slug,
                isRequired: true,
                "The campaign, by its name; it has the type `scheduled`.",
                examples: "weekly-digest"
            ),
            SchemaField(
                "cron",
                .text(),
                "The times as five fields (minute, hour, day of month, month, day of week) or a name such as `@daily`. "
                    + "`reconcile next` shows when it fires. Excludes `at`.",
                examples: "0 9 * * MON",
                "30 8 L * *",
                "@daily"
            ),
            SchemaField("at", .localTime, "One time. Excludes `cron`.", examples: "2045-12-01T09:00"),
            SchemaField(
                "timeZone",
                .text(),
                isRequired: true,
                "The zone whose clocks all times are on: a name of the IANA database.",
                examples: "Africa/Nairobi"
            ),
            SchemaField("from", .localTime, "No start before this.", examples: "2026-01-01"),
            SchemaField("until", .localTime, "No start after this.", examples: "2045-12-31T23:59"),
            SchemaField(
                "maxRuns",
                .integer(1...1_000_000_000),
                "The most starts; any number by default.",
                examples: 12
            ),
        ]
    }

    private static var ruleFields: [SchemaField] {
        [
            SchemaField(
                "misfire",
                .choice(Misfire.self) { misfire in
                    switch misfire {
                    case .skip: "They are left out."
                    case .runOnce: "One start makes up for all of them (the default)."
                    case .runAll: "All of them are made up for."
                    }
                },
                "What happens to starts that were missed while nothing was running.",
                examples: "runOnce"
            ),
            SchemaField(
                "misfireWindow",
                .duration,
                "How long after its time a missed start still counts: 1 hour by default, at most 7 days.",
                examples: "6h"
            ),
            SchemaField(
                "overlap",
                .choice(Overlap.self) { overlap in
                    switch overlap {
                    case .skip: "This start is left out (the default)."
                    case .queue: "This start waits until the run before has ended."
                    case .cancelRunning: "The run before is cancelled."
                    }
                },
                "What happens when the run before still goes on.",
                examples: "skip"
            ),
            SchemaField(
                "dst",
                dst.value,
                "What becomes of fire times when the clocks change; by default as Debian's cron does it.",
                examples: ["gap": "skip", "fold": "both"]
            ),
            SchemaField("isActive", .bool, "Whether the schedule starts anything; `true` by default.", examples: false),
        ]
    }

    private static var dst: SchemaObject {
        SchemaObject([
            SchemaField(
                "gap",
                .choice(DSTPolicy.Gap.self) { gap in
                    switch gap {
                    case .next: "It fires at the end of the gap."
                    case .skip: "It does not fire."
                    }
                },
                "What becomes of a time that the clocks leave out.",
                examples: "next"
            ),
            SchemaField(
                "fold",
                .choice(DSTPolicy.Fold.self) { fold in
                    switch fold {
                    case .first: "It fires the first time."
                    case .both: "It fires both times."
                    }
                },
                "What becomes of a time that the clocks show twice.",
                examples: "first"
            ),
        ])
    }
}
