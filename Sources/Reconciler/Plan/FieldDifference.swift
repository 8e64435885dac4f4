public import JSON
import Spec

/// One field that a change sets to another value.
public struct FieldDifference: Hashable, Sendable {
    /// Where it stands, such as `ratePerSecond` or `conditions[tags contains_any].value`; members of lists are named by
    /// what they are, not by their position, where that is possible.
    public let path: String
    /// `nil` if it was absent.
    public let before: JSONValue?
    /// `nil` if it goes away.
    public let after: JSONValue?
    /// Whether somebody changed the row by hand since it was last applied.
    public internal(set) var isDrift = false

    init(path: String, before: JSONValue?, after: JSONValue?) {
        self.path = path
        self.before = before
        self.after = after
    }

    /// The name of the outermost field.
    var field: String {
        String(path.prefix { $0 != "." && $0 != "[" })
    }
}
