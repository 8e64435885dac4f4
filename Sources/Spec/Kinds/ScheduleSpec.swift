public import Calendar
public import Foundation
public import JSON
import YAML

/// The times at which a campaign starts: once, or repeatedly.
public struct ScheduleSpec: SpecContent {
    /// The times of the starts.
    public enum Timing: Hashable, Sendable {
        /// Repeated starts.
        case cron(CronExpression)
        /// One local time.
        case at(LocalDateTime)
    }

    /// The rule for starts that were missed while no daemon was running.
    public enum Misfire: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case skip, runOnce, runAll

        var meaning: String {
            switch self {
            case .skip: "They are skipped."
            case .runOnce: "One start makes up for all of them."
            case .runAll: "Each of them is made up for."
            }
        }
    }

    /// The rule for a start while the previous run has not ended.
    public enum Overlap: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case skip, queue, cancelRunning

        var meaning: String {
            switch self {
            case .skip: "This start is skipped."
            case .queue: "This start waits until the previous run has ended."
            case .cancelRunning: "The previous run is cancelled."
            }
        }
    }

    public static let kind = SpecKind.schedule

    static let meaning = "The times at which a campaign of type `scheduled` starts."

    static let example = """
        kind: Schedule
        name: weekly-digest
        campaign: weekly-digest
        cron: "30 9 * * MON"
        timeZone: Europe/London
        maxRuns: 12
        misfire: runOnce      # a Monday that was missed is made up for,
        misfireWindow: 6h     # but not in the evening
        overlap: skip
        """

    public package(set) var header = SpecHeader()
    /// A campaign of the same tenant, by its name.
    public package(set) var campaign = ""
    public package(set) var timing = Self.noTiming
    /// The zone of all local times.
    public package(set) var zone = IANAZone.utc
    /// The earliest time of a start; `nil` with ``Timing/at(_:)``.
    public package(set) var from: LocalDateTime?
    /// The latest time of a start; `nil` with ``Timing/at(_:)``.
    public package(set) var until: LocalDateTime?
    /// The maximum number of starts, from 1; `nil` means any number, and is the only value with ``Timing/at(_:)``.
    public package(set) var maxRuns: Int?
    public package(set) var misfire = Misfire.runOnce
    /// The time for which a missed start still counts.
    public package(set) var misfireWindow = SpecDuration(seconds: 3_600)
    public package(set) var overlap = Overlap.skip
    public package(set) var dst = DSTPolicy()
    /// True if the times are those of the clock of each contact; ``zone`` then serves contacts of whom no zone is known.
    public package(set) var localTime = false
    /// True if a start whose template WhatsApp has not approved waits for the approval, for ``misfireWindow`` at most.
    public package(set) var startWhenApproved = false
    public package(set) var isActive = true

    /// The placeholder of a timing, before all times that can be written.
    private static let noTiming = Timing.at(LocalDateTime(seconds: .min))

    /// The name of the zone in the IANA database.
    public var timeZone: String { zone.identifier }

    /// All fields with their defaults; `dst` has only what was given.
    public var canonical: JSONValue { canonicalForm }

    private var cron: CronExpression? {
        get { if case .cron(let expression) = timing { expression } else { nil } }
        set { if let newValue { timing = .cron(newValue) } }
    }

    private var at: LocalDateTime? {
        get { if case .at(let time) = timing { time } else { nil } }
        set { if let newValue { timing = .at(newValue) } }
    }
}

extension ScheduleSpec {
    /// Makes a schedule of any campaign, with the defaults of all rules.
    package init(timing: Timing, zone: IANAZone) {
        self.init()
        (self.timing, self.zone) = (timing, zone)
    }
}

extension ScheduleSpec {
    /// The first instant of the window; `nil` without `from`.
    public var start: Date? { from?.instant(in: zone) }

    /// The last instant of the window; `nil` without `until`.
    public var end: Date? { until?.instant(in: zone) }

    /// The expression in its zone, without the window; `nil` for a schedule with one time.
    ///
    /// A time of the clocks of contacts exists once, whatever the clocks of the schedule's own zone do.
    public var cronSchedule: CronSchedule? {
        guard case .cron(let expression) = timing else { return nil }
        return CronSchedule(expression, in: zone, policy: localTime ? DSTPolicy(gap: .next, fold: .first) : dst)
    }

    /// Returns the time that the clocks show at a start: a time of the expression, also if the clocks of the schedule's
    /// zone leave it out.
    ///
    /// - Parameter start: A start of the schedule.
    /// - Returns: The time.
    public func localTime(at start: Date) -> LocalDateTime {
        let shown = LocalDateTime(start, in: zone)
        switch timing {
        case .at(let time): return time
        case .cron(let expression):
            // The first time of the expression after the second before: the clocks may have been put forward in between.
            let before = LocalDateTime(start.addingTimeInterval(-1), in: zone)
            let calendar = CronSchedule(expression, in: .utc)
            guard let next = calendar.next(after: Date(timeIntervalSince1970: Double(before.seconds))) else {
                return shown
            }
            let time = LocalDateTime(next, in: .utc)
            return time.instant(in: zone) == start ? time : shown
        }
    }

    /// Returns the instant at which contacts in a zone get the message of a schedule with `localTime`.
    ///
    /// - Parameters:
    ///   - time: The time of the start, on their clocks.
    ///   - zone: Their zone.
    /// - Returns: The instant; `nil` if the clocks leave the time out, and `dst` has such times left out.
    public func instant(of time: LocalDateTime, in zone: IANAZone) -> Date? {
        var gap = DSTPolicy.Gap.next
        if case .cron(let expression) = timing { gap = dst.gap ?? (expression.isFixedTime ? .next : .skip) }
        return gap == .next || time.exists(in: zone) ? time.instant(in: zone) : nil
    }

    /// Returns the first time within the window after an instant; ignores `isActive` and `maxRuns`.
    public func next(after date: Date) -> Date? {
        switch timing {
        case .at(let time):
            let instant = time.instant(in: zone)
            return instant > date ? instant : nil
        case .cron:
            // The start of the window belongs to it, and times have whole seconds.
            let date = max(date, start.map { $0.addingTimeInterval(-1) } ?? date)
            guard let next = cronSchedule?.next(after: date) else { return nil }
            return end.map { next <= $0 } ?? true ? next : nil
        }
    }

    /// Returns the times that a policy is checked against: enough to show the rhythm, and at most `maxRuns`.
    func upcomingStarts(after date: Date) -> [Date] {
        fireTimes(after: date, count: min(maxRuns ?? .max, 500))
    }

    /// Returns the shortest time between two consecutive starts among the next 500.
    ///
    /// - Parameter date: Only starts after it count.
    /// - Returns: `nil` if the schedule starts at most once.
    public func shortestInterval(after date: Date) -> SpecDuration? {
        let times = upcomingStarts(after: date)
        return zip(times, times.dropFirst()).map { SpecDuration(seconds: Int($1.timeIntervalSince($0))) }.min()
    }

    /// Returns the next times within the window after an instant, at most `count`.
    public func fireTimes(after date: Date, count: Int) -> [Date] {
        Array(sequence(first: date, next: next(after:)).dropFirst().prefix(count))
    }
}

extension ScheduleSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("campaign", \.campaign, .slug).required(keepsDraft: true)
            .says("The campaign, by its name; it has the type `scheduled`.", examples: "weekly-digest"),
        Field("cron", \.cron, .cron)
            .says(
                "The times as five fields (minute, hour, day of month, month, day of week) or a name such as `@daily`. "
                    + "`reconcile next` shows when it fires. Excludes `at`; one of the two is required.",
                examples: "0 9 * * MON",
                "30 8 L * *",
                "@daily"
            ),
        Field("at", \.at, .localTime)
            .says(
                "One time. Excludes `cron`, `from`, `until`, `maxRuns` and `dst`.",
                examples: "2045-12-01T09:00"
            ),
        Field("timeZone", \.zone, .timeZone).required()
            .says("The zone of all times: a name of the IANA database.", examples: "Africa/Nairobi"),
        Field("localTime", \.localTime, .bool)
            .says(
                "Whether each contact gets the message when the time comes on its own clock: in the zone of its "
                    + "`metadata.timeZone`, else of its number, else of the tenant. `fold` of `dst` then has no effect.",
                examples: true
            ),
        Field("from", \.from, .localTime).says("No start before this.", examples: "2026-01-01"),
        Field("until", \.until, .localTime).says("No start after this.", examples: "2045-12-31T23:59"),
        Field("maxRuns", \.maxRuns, .integer(1...1_000_000_000))
            .says("The maximum number of starts. By default there is no maximum.", examples: 12),
        Field("misfire", \.misfire, .choice)
            .says("What happens to starts that were missed while no daemon was running.", examples: "runOnce"),
        Field("misfireWindow", \.misfireWindow, .duration(upToDays: 7))
            .says(
                "How long after its time a missed start is still made up for, and how long a start waits with "
                    + "`startWhenApproved`; at most 7 days.",
                examples: "6h"
            ),
        Field("overlap", \.overlap, .choice)
            .says("What happens when the previous run has not ended.", examples: "skip"),
        Field("dst", \.dst, .mapping)
            .says(
                "How fire times behave when the clocks change; the default depends on the expression.",
                examples: ["gap": "skip", "fold": "both"]
            ),
        Field("startWhenApproved", \.startWhenApproved, .bool)
            .says(
                "Whether a start whose template WhatsApp has not approved waits for the approval instead of being skipped: "
                    + "until the next time of the schedule, and for `misfireWindow` at most.",
                examples: true
            ),
        Field("isActive", \.isActive, .bool).says("Whether the schedule starts anything.", examples: false),
    ]

    static let rules = [
        SchemaRule.excludes(
            "at",
            "cron",
            with: ["from", "until", "maxRuns", "dst"],
            label: "the one time is given here"
        ),
        SchemaRule.anyOf(["cron", "at"], help: "give the times as `cron`, or one time as `at`"),
    ]

    func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        checkWindow(reader)
        return timing != Self.noTiming && !reader.hasConflict
    }

    private func checkWindow(_ reader: FieldReader) {
        guard let from, let until, from >= until, let start = reader.peek("from"), let end = reader.peek("until")
        else { return }
        let message = "`until` is not after `from`"
        let place = SourcePlace(file: reader.sink.file, start.range)
        let related = Diagnostic.Related(place: place, label: "it starts here")
        let help = "give the window a length"
        reader.sink.report(.emptyWindow, at: end.range, field: end.field, message, help: help, related: related)
    }
}

extension DSTPolicy: SpecMapping {
    init() {
        self.init(gap: nil, fold: nil)
    }

    static let fields: [Field] = [
        Field("gap", \.gap, .choice).says("What happens to a time that the clocks leave out.", examples: "next"),
        Field("fold", \.fold, .choice).says("What happens to a time that the clocks show twice.", examples: "first"),
    ]
}

extension DSTPolicy.Gap: SpecChoice {
    var meaning: String {
        switch self {
        case .next: "It fires at the end of the gap."
        case .skip: "It does not fire."
        }
    }
}

extension DSTPolicy.Fold: SpecChoice {
    var meaning: String {
        switch self {
        case .first: "It fires the first time."
        case .both: "It fires both times."
        }
    }
}
