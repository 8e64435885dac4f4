public import Foundation
public import Spec

/// A row that specs own, in the form in which specs and rows are compared.
///
/// `content` is the canonical form of the spec with a few fields more, built from the columns themselves, so that an
/// edit by hand shows:
///
/// - `sourceFile`: the file that the row comes from, below the folder of all specs.
/// - of a campaign, `message`: the payload, also if it was made from a template.
/// - of a campaign with a named audience, `audienceFilter`: the filter that the name stands for.
///
/// A field that is absent is not there; it is never null.
public struct ManagedRow: Hashable, Sendable {
    public let id: UUID
    public let identity: SpecIdentity
    public let content: JSONValue
    /// Whether a run of the campaign is launching, running or paused; false for other kinds.
    public let hasRunUnderWay: Bool

    /// Makes a row, with its content in comparable form.
    public init(id: UUID, identity: SpecIdentity, content: JSONValue, hasRunUnderWay: Bool = false) {
        self.id = id
        self.identity = identity
        self.content = Self.comparable(content)
        self.hasRunUnderWay = hasRunUnderWay
    }

    /// The content as it is once it was stored and read again.
    public static func comparable(_ content: JSONValue) -> JSONValue {
        content.withPlainNumbers
    }
}

extension JSONValue {
    /// The same value with integers wherever a number has no fraction: whoever wrote it may have meant either.
    fileprivate var withPlainNumbers: JSONValue {
        switch self {
        case .null, .bool, .integer, .string: self
        case .number(let value): Int(exactly: value).map(JSONValue.integer) ?? self
        case .array(let items): .array(items.map(\.withPlainNumbers))
        case .object(let fields): .object(fields.mapValues(\.withPlainNumbers))
        }
    }
}
