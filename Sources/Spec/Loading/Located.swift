internal import YAML

/// A value that stands in a file.
public struct Located<Value: Sendable>: Sendable {
    public let identity: SpecIdentity
    public let value: Value
    /// Where the name of the spec stands.
    public let place: SourcePlace
    let node: YAMLNode

    init(identity: SpecIdentity, value: Value, place: SourcePlace, node: YAMLNode) {
        (self.identity, self.value, self.place, self.node) = (identity, value, place, node)
    }

    /// The place of a field such as `audience.conditions[0].value`, or else of the nearest field around it that exists.
    public func place(of field: String) -> SourcePlace {
        var current = node
        for step in field.split(whereSeparator: { ".[]".contains($0) }) {
            if let next = current.mapping?[String(step)] {
                current = next
            } else if let items = current.sequence, let index = Int(step), items.indices.contains(index) {
                current = items[index]
            } else {
                break
            }
        }
        let isWhole = current.range == node.range
        return isWhole ? place : SourcePlace(file: place.file, current.range)
    }

    /// The place of the key of a field, or else of its mapping.
    func keyPlace(of field: String, in path: String) -> SourcePlace {
        var current = node
        for step in path.split(separator: ".") {
            guard let next = current.mapping?[String(step)] else { return place(of: path) }
            current = next
        }
        guard let range = current.mapping?.pair(field)?.keyRange else { return place(of: path) }
        return SourcePlace(file: place.file, range)
    }

    /// The first key of the document: where to say that a field is missing.
    var headPlace: SourcePlace {
        node.mapping?.pairs.first.map { SourcePlace(file: place.file, $0.keyRange) } ?? place
    }

    /// Whether a field is absent, and is neither misspelt nor lost in something that was reported already.
    func lacks(_ key: String) -> Bool {
        guard let mapping = node.mapping, !mapping.isDamaged, mapping[key] == nil else { return false }
        return mapping.pairs.allSatisfy { SpellingSuggestion.candidates(for: $0.key, among: [key]).isEmpty }
    }

    /// The same place with another value.
    func map<Other: Sendable>(_ transform: (Value) -> Other?) -> Located<Other>? {
        transform(value).map { Located<Other>(identity: identity, value: $0, place: place, node: node) }
    }
}
