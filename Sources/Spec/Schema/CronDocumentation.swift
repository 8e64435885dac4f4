import Calendar
import Foundation

/// Describes cron expressions for `docs/specs.md`; all fire times are computed by ``CronSchedule``.
enum CronDocumentation {
    /// Expressions, each with its meaning.
    private static let examples = [
        ("0 9 * * MON", "Mondays at 9:00"),
        ("*/15 8-17 * * 1-5", "every 15 minutes from 8:00 to 17:45 on weekdays"),
        ("30 8 L * *", "the last day of the month"),
        ("0 9 L-2 * *", "two days before the last day of the month"),
        ("0 9 15W * *", "the weekday nearest to the 15th"),
        ("0 9 LW * *", "the last weekday of the month"),
        ("0 9 * * 5L", "the last Friday of the month"),
        ("0 9 * * 1#2", "the second Monday of the month"),
        ("0 9 13 * FRI", "the 13th, and every Friday"),
        ("@daily", "midnight"),
    ]

    static var section: String {
        """
        ## Cron

        A cron expression has five fields, separated by spaces. They follow the rules of Debian's cron.

        | field | values | besides numbers, `*`, lists (`1,15`), ranges (`1-5`) and steps (`*/15`) |
        |---|---|---|
        | minute | 0 to 59 | |
        | hour | 0 to 23 | |
        | day of the month | 1 to 31 | `L` last day, `L-2` two days before it, `15W` nearest weekday, `LW` last weekday |
        | month | 1 to 12 | `JAN` to `DEC` |
        | day of the week | 0 to 7 (0 and 7 are Sunday) | `SUN` to `SAT`, `5L` last Friday, `1#2` second Monday |

        - If neither day field starts with `*`, a day matches if one of the two fields matches. Otherwise both must match. The
          first case is a warning that shows the next times.
        - `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` replace all five fields.
        - An expression that matches no day of any year, such as `0 0 30 2 *`, is an error.

        Fire times from Thursday, 1 January 2026, in `Africa/Nairobi`; `reconcile next` shows those of any expression:

        | expression | meaning | first times |
        |---|---|---|
        \(examples.map(line).joined(separator: "\n"))

        ### Clock changes

        When clocks go forward, some local times do not exist. When they go back, some come twice. An expression has a *fixed
        time* if neither its minute nor its hour starts with `*`. A fixed time that does not exist fires at the end of the gap,
        and one that comes twice fires the first time only. Every other expression follows the clock: times that do not exist do
        not fire, and times that come twice fire twice. `dst` overrides both rules. A fixed time at a clock change is a warning
        unless `dst` decides.

        In `Europe/London` the clock goes from 1:00 to 2:00 on 29 March 2026, and from 2:00 back to 1:00 on 25 October 2026.
        The table shows the fire times on these days in UTC:

        | expression | `dst` | 29 March, 0:00 to 3:00 UTC | 25 October, 0:00 to 3:00 UTC |
        |---|---|---|---|
        \(changes.map { changeLine($0, $1) }.joined(separator: "\n"))
        """
    }

    private static let changes = [
        ("30 1 * * *", DSTPolicy()),
        ("30 1 * * *", DSTPolicy(gap: .skip, fold: .both)),
        ("*/30 * * * *", DSTPolicy()),
        ("*/30 1 * * *", DSTPolicy(gap: .next, fold: .first)),
    ]

    private static func line(_ expression: String, _ meaning: String) -> String {
        let times = fireTimes(expression, DSTPolicy(), "Africa/Nairobi", from: "2026-01-01", count: 3)
        return "| `\(expression)` | \(meaning) | \(times.map(\.description).joined(separator: ", ")) |"
    }

    private static func changeLine(_ expression: String, _ policy: DSTPolicy) -> String {
        let parts = [policy.gap.map { "gap: \($0.rawValue)" }, policy.fold.map { "fold: \($0.rawValue)" }]
        let rule = parts.compactMap { $0 }.joined(separator: ", ")
        let days = ["2026-03-29", "2026-10-25"].map { day -> String in
            let all: [String] = fireTimes(expression, policy, "Europe/London", from: day, count: 12).map(\.utcTime)
            let hours = all.filter { $0.hasPrefix(day) }.map { String($0.dropFirst(11)) }
            return hours.filter { $0 < "03:00" }.joined(separator: ", ")
        }
        return "| `\(expression)` | \(rule.isEmpty ? "" : "`{ \(rule) }`") | \(days.joined(separator: " | ")) |"
    }

    /// Returns the first fire times from a day on; empty if an input is wrong, which the test of the file would show.
    private static func fireTimes(
        _ expression: String,
        _ policy: DSTPolicy,
        _ zone: String,
        from day: String,
        count: Int
    ) -> [LocalTime] {
        guard let expression = try? CronExpression(expression), let zone = IANAZone(zone), let utc = IANAZone("UTC"),
            let start = LocalDateTime(day)?.instant(in: zone)
        else { return [] }
        return CronSchedule(expression, in: zone, policy: policy)
            .fireTimes(after: start.addingTimeInterval(-1), count: count)
            .map { LocalTime(utcTime: "\(LocalDateTime($0, in: utc))", description: "\(LocalDateTime($0, in: zone))") }
    }

    private struct LocalTime {
        let utcTime: String
        let description: String
    }
}
