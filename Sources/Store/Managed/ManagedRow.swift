public import Foundation
public import JSON
public import Spec

/// A row that specs own, in the form in which specs and rows are compared.
///
/// `content` is the canonical form of the spec with a few fields more, built from the columns themselves, so that an
/// edit by hand shows:
///
/// - `sourceFile`: the file that the row comes from, below the folder of all specs.
/// - of a campaign, `message`: the payload, also if it was made from a template.
/// - of a campaign with a named audience, `audienceFilter`: the filter of that audience.
/// - of a trigger, `campaignSays`: event and match of its campaign, if they were changed there.
///
/// An absent field is left out; it is never null.
public struct ManagedRow: Hashable, Sendable {
    /// The progress of a schedule; it is not part of the content, because daemons change it.
    public struct Progress: Hashable, Sendable {
        public let runCount: Int
        /// The next fire time; `nil` if it does not fire again.
        public let nextRunAt: Date?

        public init(runCount: Int, nextRunAt: Date?) {
            (self.runCount, self.nextRunAt) = (runCount, nextRunAt)
        }
    }

    /// The change of a schedule's next fire time when the schedule is written.
    public enum NextRun: Hashable, Sendable {
        /// The times are the same: the value that daemons have set stays.
        case keep
        /// The first of the new times; `nil` if no time is left.
        case set(Date?)
        /// Like `keep`, but a schedule that had ended continues from here.
        case fill(Date?)
    }

    public let id: UUID
    public let identity: SpecIdentity
    public let content: JSONValue
    /// True if a run of the campaign is launching, running or paused; false for other kinds.
    public let hasRunUnderWay: Bool
    /// The progress of a schedule that was read; `nil` for other kinds.
    public let progress: Progress?
    /// The next fire time of a schedule that is to be written.
    public let nextRun: NextRun?

    /// Makes a row, with its content in comparable form.
    public init(
        id: UUID,
        identity: SpecIdentity,
        content: JSONValue,
        hasRunUnderWay: Bool = false,
        progress: Progress? = nil,
        nextRun: NextRun? = nil
    ) {
        self.id = id
        self.identity = identity
        self.content = Self.comparable(content)
        self.hasRunUnderWay = hasRunUnderWay
        self.progress = progress
        self.nextRun = nextRun
    }

    /// The columns of a row that are not part of its content.
    struct State {
        var hasRunUnderWay = false
        var progress: Progress?
    }

    /// Makes a row of a content in comparable form.
    init(id: UUID, identity: SpecIdentity, comparable content: JSONValue, state: State) {
        self.id = id
        self.identity = identity
        self.content = content
        hasRunUnderWay = state.hasRunUnderWay
        progress = state.progress
        nextRun = nil
    }

    /// Returns the content in the form in which it is read after it was stored.
    public static func comparable(_ content: JSONValue) -> JSONValue {
        content.withPlainNumbers
    }
}

extension JSONValue {
    /// The same value with an integer wherever a number has no fraction: `1` and `1.0` are equal in a spec.
    fileprivate var withPlainNumbers: JSONValue {
        hasNumber ? withoutWholeNumbers : self
    }

    /// True if the value contains a number that is not an integer; only then a copy is made.
    private var hasNumber: Bool {
        switch self {
        case .null, .bool, .integer, .string: false
        case .number: true
        case .array(let items): items.contains(where: \.hasNumber)
        case .object(let fields): fields.hasValue(where: \.hasNumber)
        }
    }

    private var withoutWholeNumbers: JSONValue {
        switch self {
        case .null, .bool, .integer, .string: self
        case .number(let value): Int(exactly: value).map(JSONValue.integer) ?? self
        case .array(let items): .array(items.map(\.withoutWholeNumbers))
        case .object(let fields): .object(fields.mapValues(\.withoutWholeNumbers))
        }
    }
}

extension ManagedRow.NextRun {
    /// The columns of the object that a schedule is written from.
    var columns: [String: JSONValue] {
        let (rule, date): (JSONValue, Date?) =
            switch self {
            case .keep: ("keep", nil)
            case .set(let date): ("set", date)
            case .fill(let date): ("fill", date)
            }
        var columns = ["nextRunRule": rule]
        columns["nextRunAt"] = date.map { .integer(Int($0.timeIntervalSince1970)) }
        return columns
    }
}
