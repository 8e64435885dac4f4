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
    public enum Misfire: String, Hashable, Sendable, CaseIterable {
        case skip, runOnce, runAll
    }

    /// The rule for a start while the previous run has not ended.
    public enum Overlap: String, Hashable, Sendable, CaseIterable {
        /// This start is skipped.
        case skip
        /// This start waits until the previous run has ended.
        case queue
        /// The previous run is cancelled.
        case cancelRunning
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

    /// The default of `misfireWindow`.
    public static let defaultMisfireWindow = SpecDuration(seconds: 3_600)

    public let header: SpecHeader
    /// A campaign of the same tenant, by its name.
    public let campaign: String
    public let timing: Timing
    /// The zone of all local times.
    public let zone: IANAZone
    /// The earliest time of a start; `nil` with ``Timing/at(_:)``.
    public let from: LocalDateTime?
    /// The latest time of a start; `nil` with ``Timing/at(_:)``.
    public let until: LocalDateTime?
    /// The maximum number of starts, from 1; `nil` means any number, and is the only value with ``Timing/at(_:)``.
    public let maxRuns: Int?
    public let misfire: Misfire
    /// The time for which a missed start still counts; at most 7 days.
    public let misfireWindow: SpecDuration
    public let overlap: Overlap
    public let dst: DSTPolicy
    public let isActive: Bool

    /// Makes a schedule of values that are valid already.
    public init(
        header: SpecHeader,
        campaign: String,
        timing: Timing,
        zone: IANAZone,
        from: LocalDateTime? = nil,
        until: LocalDateTime? = nil,
        maxRuns: Int? = nil,
        misfire: Misfire = .runOnce,
        misfireWindow: SpecDuration = defaultMisfireWindow,
        overlap: Overlap = .skip,
        dst: DSTPolicy = DSTPolicy(),
        isActive: Bool = true
    ) {
        self.header = header
        self.campaign = campaign
        self.timing = timing
        self.zone = zone
        self.from = from
        self.until = until
        self.maxRuns = maxRuns
        self.misfire = misfire
        self.misfireWindow = misfireWindow
        self.overlap = overlap
        self.dst = dst
        self.isActive = isActive
    }

    /// The name of the zone in the IANA database.
    public var timeZone: String { zone.identifier }

    /// All fields with their defaults; `dst` has only what was given.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["campaign"] = .string(campaign)
        switch timing {
        case .cron(let expression): fields["cron"] = .string(expression.description)
        case .at(let time): fields["at"] = .string(time.description)
        }
        fields["timeZone"] = .string(timeZone)
        fields["from"] = from.map { .string($0.description) }
        fields["until"] = until.map { .string($0.description) }
        fields["maxRuns"] = maxRuns.map(JSONValue.integer)
        fields["misfire"] = .string(misfire.rawValue)
        fields["misfireWindow"] = .string(misfireWindow.description)
        fields["overlap"] = .string(overlap.rawValue)
        var rules: [String: JSONValue] = [:]
        rules["gap"] = dst.gap.map { .string($0.rawValue) }
        rules["fold"] = dst.fold.map { .string($0.rawValue) }
        if !rules.isEmpty { fields["dst"] = .object(rules) }
        fields["isActive"] = .bool(isActive)
        return .object(fields)
    }
}

extension ScheduleSpec {
    /// The first instant of the window; `nil` without `from`.
    public var start: Date? { from?.instant(in: zone) }

    /// The last instant of the window; `nil` without `until`.
    public var end: Date? { until?.instant(in: zone) }

    /// The expression in its zone, without the window; `nil` for a schedule with one time.
    public var cronSchedule: CronSchedule? {
        guard case .cron(let expression) = timing else { return nil }
        return CronSchedule(expression, in: zone, policy: dst)
    }

    /// Returns the first time within the window after an instant; ignores `isActive` and `maxRuns`.
    public func next(after date: Date) -> Date? {
        switch timing {
        case .at(let time):
            let instant = time.instant(in: zone)
            return instant > date ? instant : nil
        case .cron(let expression):
            // The start of the window belongs to it, and times have whole seconds.
            let date = max(date, start.map { $0.addingTimeInterval(-1) } ?? date)
            guard let next = CronSchedule(expression, in: zone, policy: dst).next(after: date) else { return nil }
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
        var times: [Date] = []
        var current = date
        while times.count < count, let next = next(after: current) {
            times.append(next)
            current = next
        }
        return times
    }
}

extension ScheduleSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        reader.require("campaign")
        let campaign = reader.slug("campaign")
        let timing = Self.timing(&reader)
        reader.require("timeZone")
        let timeZone = reader.timeZone("timeZone")
        let from = reader.localTime("from")
        let until = reader.localTime("until")
        Self.checkWindow(reader, from, until)
        let maxRuns = reader.integer("maxRuns", in: 1...1_000_000_000)
        let misfire = reader.choice("misfire", of: Misfire.self)
        let misfireWindow = reader.duration("misfireWindow", upTo: SpecDuration(seconds: 7 * 86_400))
        let overlap = reader.choice("overlap", of: Overlap.self)
        let dst = reader.mapping("dst") { reader in
            DSTPolicy(gap: reader.choice("gap"), fold: reader.choice("fold"))
        }
        let isActive = reader.bool("isActive")
        // Without a zone the times cannot be checked; missing fields were reported.
        guard let header, let timing, let timeZone else { return nil }
        self.init(
            header: header,
            campaign: campaign?.value ?? "",
            timing: timing,
            zone: timeZone.value,
            from: from?.value,
            until: until?.value,
            maxRuns: maxRuns?.value,
            misfire: misfire ?? .runOnce,
            misfireWindow: misfireWindow ?? Self.defaultMisfireWindow,
            overlap: overlap ?? .skip,
            dst: dst ?? DSTPolicy(),
            isActive: isActive ?? true
        )
    }

    private static func timing(_ reader: inout FieldReader) -> Timing? {
        let cron = reader.cron("cron")
        let at = reader.localTime("at")
        guard reader.has("at") else {
            reader.require("cron", help: "give the times as `cron`, or one time as `at`")
            return cron.map { .cron($0.value) }
        }
        if reader.exclude("cron", with: "at", label: "the one time is given here") { return nil }
        let excluded = ["from", "until", "maxRuns", "dst"].filter {
            reader.exclude($0, with: "at", label: "the one time is given here")
        }
        return excluded.isEmpty ? at.map { .at($0.value) } : nil
    }

    private static func checkWindow(
        _ reader: FieldReader,
        _ from: ReadValue<LocalDateTime>?,
        _ until: ReadValue<LocalDateTime>?
    ) {
        guard let from, let until, from.value >= until.value else { return }
        let message = "`until` is not after `from`"
        let related = Diagnostic.Related(
            place: SourcePlace(file: reader.sink.file, from.range),
            label: "it starts here"
        )
        let help = "give the window a length"
        reader.sink.report(.emptyWindow, at: until.range, field: until.field, message, help: help, related: related)
    }
}

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
                .text(words: "[cron expression](#cron)"),
                "The times as five fields (minute, hour, day of month, month, day of week) or a name such as `@daily`. "
                    + "`reconcile next` shows when it fires. Excludes `at`; one of the two is required.",
                examples: "0 9 * * MON",
                "30 8 L * *",
                "@daily"
            ),
            SchemaField(
                "at",
                .localTime,
                "One time. Excludes `cron`, `from`, `until`, `maxRuns` and `dst`.",
                examples: "2045-12-01T09:00"
            ),
            SchemaField(
                "timeZone",
                .timeZone,
                isRequired: true,
                "The zone of all times: a name of the IANA database.",
                examples: "Africa/Nairobi"
            ),
            SchemaField("from", .localTime, "No start before this.", examples: "2026-01-01"),
            SchemaField("until", .localTime, "No start after this.", examples: "2045-12-31T23:59"),
            SchemaField(
                "maxRuns",
                .integer(1...1_000_000_000),
                "The maximum number of starts. By default there is no maximum.",
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
                    case .skip: "They are skipped."
                    case .runOnce: "One start makes up for all of them."
                    case .runAll: "Each of them is made up for."
                    }
                },
                default: "runOnce",
                "What happens to starts that were missed while no daemon was running.",
                examples: "runOnce"
            ),
            SchemaField(
                "misfireWindow",
                .duration,
                default: "1h",
                "How long after its time a missed start is still made up for; at most 7 days.",
                examples: "6h"
            ),
            SchemaField(
                "overlap",
                .choice(Overlap.self) { overlap in
                    switch overlap {
                    case .skip: "This start is skipped."
                    case .queue: "This start waits until the previous run has ended."
                    case .cancelRunning: "The previous run is cancelled."
                    }
                },
                default: "skip",
                "What happens when the previous run has not ended.",
                examples: "skip"
            ),
            SchemaField(
                "dst",
                dst.value,
                "How fire times behave when the clocks change; the default depends on the expression.",
                examples: ["gap": "skip", "fold": "both"]
            ),
            SchemaField("isActive", .bool, default: true, "Whether the schedule starts anything.", examples: false),
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
                "What happens to a time that the clocks leave out.",
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
                "What happens to a time that the clocks show twice.",
                examples: "first"
            ),
        ])
    }
}
