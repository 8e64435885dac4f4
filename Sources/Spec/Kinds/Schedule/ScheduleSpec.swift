/// When a campaign starts: once, or again and again.
public struct ScheduleSpec: SpecContent {
    /// The times of the starts.
    public enum Timing: Hashable, Sendable {
        /// A cron expression that was read without errors; fields are separated by one space.
        case cron(String)
        /// One time on the wall.
        case at(String)
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

    /// What happens when the clock is changed; `nil` is the rule of cron.
    public struct ClockChange: Hashable, Sendable {
        /// What happens to a time that does not exist.
        public enum Gap: String, Hashable, Sendable, CaseIterable {
            /// It fires at the end of the gap.
            case next
            case skip
        }

        /// What happens to a time that comes twice.
        public enum Fold: String, Hashable, Sendable, CaseIterable {
            case first, both
        }

        public let gap: Gap?
        public let fold: Fold?

        /// Makes rules.
        public init(gap: Gap? = nil, fold: Fold? = nil) {
            (self.gap, self.fold) = (gap, fold)
        }
    }

    public static let kind = SpecKind.schedule

    /// What `misfireWindow` is when a spec says nothing.
    public static let defaultMisfireWindow = SpecDuration(seconds: 3_600)

    public let header: SpecHeader
    /// A campaign of the same tenant, by its name.
    public let campaign: String
    public let timing: Timing
    /// A name of the IANA database.
    public let timeZone: String
    /// No start before this; `nil` with ``Timing/at(_:)``.
    public let from: String?
    /// No start after this; `nil` with ``Timing/at(_:)``.
    public let until: String?
    /// From 1; `nil` means any number, and is the rule with ``Timing/at(_:)``.
    public let maxRuns: Int?
    public let misfire: Misfire
    /// How long after its time a missed start still counts; at most 7 days.
    public let misfireWindow: SpecDuration
    public let overlap: Overlap
    public let clockChange: ClockChange
    public let isActive: Bool

    /// Makes a schedule of values that are valid already.
    public init(
        header: SpecHeader,
        campaign: String,
        timing: Timing,
        timeZone: String,
        from: String? = nil,
        until: String? = nil,
        maxRuns: Int? = nil,
        misfire: Misfire = .runOnce,
        misfireWindow: SpecDuration = defaultMisfireWindow,
        overlap: Overlap = .skip,
        clockChange: ClockChange = ClockChange(),
        isActive: Bool = true
    ) {
        self.header = header
        self.campaign = campaign
        self.timing = timing
        self.timeZone = timeZone
        self.from = from
        self.until = until
        self.maxRuns = maxRuns
        self.misfire = misfire
        self.misfireWindow = misfireWindow
        self.overlap = overlap
        self.clockChange = clockChange
        self.isActive = isActive
    }

    /// All fields with their defaults; `dst` has only what was given.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["campaign"] = .string(campaign)
        switch timing {
        case .cron(let text): fields["cron"] = .string(text)
        case .at(let time): fields["at"] = .string(time)
        }
        fields["timeZone"] = .string(timeZone)
        fields["from"] = from.map(JSONValue.string)
        fields["until"] = until.map(JSONValue.string)
        fields["maxRuns"] = maxRuns.map(JSONValue.integer)
        fields["misfire"] = .string(misfire.rawValue)
        fields["misfireWindow"] = .string(misfireWindow.description)
        fields["overlap"] = .string(overlap.rawValue)
        var dst: [String: JSONValue] = [:]
        dst["gap"] = clockChange.gap.map { .string($0.rawValue) }
        dst["fold"] = clockChange.fold.map { .string($0.rawValue) }
        if !dst.isEmpty { fields["dst"] = .object(dst) }
        fields["isActive"] = .bool(isActive)
        return .object(fields)
    }
}
