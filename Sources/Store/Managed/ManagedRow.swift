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
/// - of a campaign with a named audience, `audienceFilter`: the filter that the name stands for.
/// - of a trigger, `campaignSays`: what its campaign says instead, if somebody changed it there.
///
/// A field that is absent is not there; it is never null.
public struct ManagedRow: Hashable, Sendable {
    /// How far a schedule has come; no part of its content, as daemons move it on.
    public struct Progress: Hashable, Sendable {
        public let runCount: Int
        /// `nil` when it does not fire again.
        public let nextRunAt: Date?

        public init(runCount: Int, nextRunAt: Date?) {
            (self.runCount, self.nextRunAt) = (runCount, nextRunAt)
        }
    }

    /// What writing a schedule does to the time at which it fires next.
    public enum NextRun: Hashable, Sendable {
        /// The times are the same: whatever daemons have made of it stays.
        case keep
        /// It starts to count afresh; `nil` if no time is left.
        case set(Date?)
        /// Like `keep`, but one that had come to its end goes on from here.
        case fill(Date?)
    }

    public let id: UUID
    public let identity: SpecIdentity
    public let content: JSONValue
    /// Whether a run of the campaign is launching, running or paused; false for other kinds.
    public let hasRunUnderWay: Bool
    /// Of a schedule that was read; `nil` for other kinds.
    public let progress: Progress?
    /// Of a schedule that is to be written.
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

    /// What a row says besides its content.
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

    /// The content as it is once it was stored and read again.
    public static func comparable(_ content: JSONValue) -> JSONValue {
        content.withPlainNumbers
    }
}

extension JSONValue {
    /// The same value with integers wherever a number has no fraction: whoever wrote it may have meant either.
    fileprivate var withPlainNumbers: JSONValue {
        hasNumber ? withoutWholeNumbers : self
    }

    /// Whether there is a number that is no integer anywhere: few values have one, and the others stay as they are.
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
