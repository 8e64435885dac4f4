/// One value of a YAML document, with its place.
public struct YAMLNode: Sendable {
    /// What a node holds.
    public enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping(YAMLMapping)
        /// Something that a problem was already reported for: say nothing more about it.
        case invalid
    }

    public let content: Content
    /// Where the value stands; for an alias, where the alias stands.
    public let range: YAMLRange

    /// Makes a node, for tests and for nodes derived from others.
    public init(content: Content, range: YAMLRange) {
        self.content = content
        self.range = range
    }

    /// The scalar, or `nil` for everything else.
    public var scalar: YAMLScalar? {
        guard case .scalar(let scalar) = content else { return nil }
        return scalar
    }

    /// The items of a sequence, or `nil` for everything else.
    public var sequence: [YAMLNode]? {
        guard case .sequence(let items) = content else { return nil }
        return items
    }

    /// The mapping, or `nil` for everything else.
    public var mapping: YAMLMapping? {
        guard case .mapping(let mapping) = content else { return nil }
        return mapping
    }
}
