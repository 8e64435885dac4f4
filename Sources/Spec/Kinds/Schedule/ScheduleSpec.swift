public import Calendar
public import JSON

/// When a campaign starts: once, or again and again.
public struct ScheduleSpec: SpecContent {
    /// The times of the starts.
    public enum Timing: Hashable, Sendable {
        /// Again and again.
        case cron(CronExpression)
        /// One time on the wall.
        case at(LocalDateTime)
    }

    /// What happens to starts that were missed while nothing was running.
    public enum Misfire: String, Hashable, Sendable, CaseIterable {
        case skip, runOnce, runAll
    }

    /// What happens when the run before still goes on.
    public enum Overlap: String, Hashable, Sendable, CaseIterable {
        /// This start is left out.
        case skip
        /// This start waits until the run before has ended.
        case queue
        /// The run before is cancelled.
        case cancelRunning
    }

    public static let kind = SpecKind.schedule

    /// What `misfireWindow` is when a spec says nothing.
    public static let defaultMisfireWindow = SpecDuration(seconds: 3_600)

    public let header: SpecHeader
    /// A campaign of the same tenant, by its name.
    public let campaign: String
    public let timing: Timing
    /// Whose clocks all times are on.
    public let zone: IANAZone
    /// No start before this; `nil` with ``Timing/at(_:)``.
    public let from: LocalDateTime?
    /// No start after this; `nil` with ``Timing/at(_:)``.
    public let until: LocalDateTime?
    /// From 1; `nil` means any number, and is the rule with ``Timing/at(_:)``.
    public let maxRuns: Int?
    public let misfire: Misfire
    /// How long after its time a missed start still counts; at most 7 days.
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
