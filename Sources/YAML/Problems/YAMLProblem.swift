/// Something in a YAML text that cannot be accepted, with its place and a way out.
public struct YAMLProblem: Hashable, Sendable, Error {
    /// What sort of problem it is; stable, for codes and tests.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case syntax, encoding, tab, duplicateKey, mergeKey, nonStringKey, unknownTag, unknownAnchor, tooLarge
    }

    public let kind: Kind
    public let range: YAMLRange
    /// What is wrong: lower case, no full stop.
    public let message: String
    /// What the author can do.
    public let help: String?
    /// Another place that belongs to the problem, such as the first of two keys.
    public let related: Related?

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
