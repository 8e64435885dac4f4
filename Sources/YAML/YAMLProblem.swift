/// A problem in a YAML text, with its place and a remedy.
public struct YAMLProblem: Hashable, Sendable, Error, CustomStringConvertible {
    /// The kind of a problem; stable, for codes and tests.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case syntax, encoding, tab, duplicateKey, mergeKey, nonStringKey, unknownTag, unknownAnchor, tooLarge,
            conflictMarker
    }

    public let kind: Kind
    public let range: YAMLRange
    /// The problem: lower case, no full stop.
    public let message: String
    /// The remedy for the author.
    public let help: String?
    /// Another place that belongs to the problem, such as the first of two keys.
    public let related: Related?

    public var description: String { message }

    /// A second place with a word on it.
    public struct Related: Hashable, Sendable {
        public let range: YAMLRange
        public let label: String

        /// Makes a second place.
        public init(range: YAMLRange, label: String) {
            self.range = range
            self.label = label
        }
    }

    /// Makes a problem.
    public init(_ kind: Kind, at range: YAMLRange, _ message: String, help: String? = nil, related: Related? = nil) {
        self.kind = kind
        self.range = range
        self.message = message
        self.help = help
        self.related = related
    }
}

extension YAMLProblem {
    static func duplicateKey(_ key: String, at range: YAMLRange, first: YAMLRange) -> Self {
        let related = Related(range: first, label: "first given here")
        return Self(.duplicateKey, at: range, "duplicate key `\(key)`", help: "remove one of the two", related: related)
    }

    static func conflictMarker(_ marker: String, at range: YAMLRange) -> Self {
        let help = "decide between the two versions, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`"
        return Self(.conflictMarker, at: range, "`\(marker)` marks a conflict of two versions", help: help)
    }

    static func mergeKey(at range: YAMLRange) -> Self {
        Self(.mergeKey, at: range, "merge key `<<` is not part of YAML 1.2", help: "write the fields out here")
    }

    static func collectionKey(at range: YAMLRange) -> Self {
        let help = "if this is a placeholder, put the whole value in quotes: \"{{name}}\""
        return Self(.nonStringKey, at: range, "a key must be a string, not a list or a mapping", help: help)
    }

    static func nonStringKey(_ key: String, _ value: YAMLValue, at range: YAMLRange) -> Self {
        let kind =
            switch value {
            case .null: "null"
            case .bool: "a boolean"
            case .int: "an integer"
            case .float: "a number"
            case .string: "a string"
            }
        let shown = key.isEmpty ? "the empty key" : "key `\(key)`"
        return Self(.nonStringKey, at: range, "\(shown) is \(kind), not a string", help: "write it as \"\(key)\"")
    }

    static func unknownTag(_ tag: String, at range: YAMLRange) -> Self {
        let core = "tag:yaml.org,2002:"
        let shown = tag.hasPrefix(core) ? "!!" + tag.dropFirst(core.count) : tag
        return Self(.unknownTag, at: range, "unknown tag `\(shown)`", help: "remove the tag")
    }

    static func misfit(_ text: String, _ tag: YAMLScalar.CoreTag, at range: YAMLRange) -> Self {
        Self(
            .unknownTag,
            at: range,
            "`\(text.prefix(40))` is not a value of tag `!!\(tag.rawValue)`",
            help: "remove the tag"
        )
    }

    static func unknownAnchor(_ name: String, isOpen: Bool, known: [String], at range: YAMLRange) -> Self {
        if isOpen {
            return Self(.unknownAnchor, at: range, "alias `*\(name)` is inside the value that it names")
        }
        let help =
            known.isEmpty
            ? "define it earlier in the same document with `&\(name)`"
            : "anchors of this document so far: " + known.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
        return Self(.unknownAnchor, at: range, "unknown anchor `\(name)`", help: help)
    }

    static func tooManyNodes(_ limit: Int, at range: YAMLRange) -> Self {
        let help = "split the document; aliases count as often as they are used"
        return Self(.tooLarge, at: range, "the document has more than \(limit) values", help: help)
    }

    static func tooManyAliases(_ limit: Int, at range: YAMLRange) -> Self {
        Self(.tooLarge, at: range, "aliases expand to more than \(limit) values", help: "write the values out")
    }

    static func tooDeep(_ limit: Int, at range: YAMLRange) -> Self {
        Self(.tooLarge, at: range, "values are nested more than \(limit) deep", help: "flatten the document")
    }
}

extension YAMLScalar.CoreTag {
    /// Reads the long form that libyaml gives for `!!int` and the like.
    init?(core tag: String) {
        let prefix = "tag:yaml.org,2002:"
        guard tag.hasPrefix(prefix) else { return nil }
        self.init(rawValue: String(tag.dropFirst(prefix.count)))
    }
}
