internal import YAML

/// A value that stands in a file.
public struct Located<Value: Sendable>: Sendable {
    public let value: Value
    private let origin: SpecOrigin

    init(_ value: Value, from origin: SpecOrigin) {
        (self.value, self.origin) = (value, origin)
    }

    public var identity: SpecIdentity { origin.identity }

    /// Where the name of the spec stands.
    public var place: SourcePlace { origin.place }

    /// The whole document, which may have to be read once more.
    var document: YAMLNode { origin.document }

    /// The place of a field such as `audience.conditions[0].value`, or else of the nearest field around it that exists.
    public func place(of field: String) -> SourcePlace {
        let document = document
        var current = document
        for step in field.split(whereSeparator: { ".[]".contains($0) }) {
            if let next = current.mapping?[String(step)] {
                current = next
            } else if let items = current.sequence, let index = Int(step), items.indices.contains(index) {
                current = items[index]
            } else {
                break
            }
        }
        let isWhole = current.range == document.range
        return isWhole ? place : SourcePlace(file: place.file, current.range)
    }

    /// The place of the key of a field, or else of its mapping.
    func keyPlace(of field: String, in path: String) -> SourcePlace {
        var current = document
        for step in path.split(separator: ".") {
            guard let next = current.mapping?[String(step)] else { return place(of: path) }
            current = next
        }
        guard let range = current.mapping?.pair(field)?.keyRange else { return place(of: path) }
        return SourcePlace(file: place.file, range)
    }

    /// The first key of the document: where to say that a field is missing.
    var headPlace: SourcePlace {
        document.mapping?.pairs.first.map { SourcePlace(file: place.file, $0.keyRange) } ?? place
    }

    /// Whether the field that the tenant may give is absent, and neither misspelt nor lost in something that was
    /// reported already.
    var usesDefault: Bool { origin.usesDefault }

    /// The same spec by its own type; `nil` if it is of another kind.
    func `as`<Spec: SpecContent>(_ type: Spec.Type) -> Located<Spec>? {
        // Kinds are quickly compared, and types are not.
        identity.kind == Spec.kind ? map { $0 as? Spec } : nil
    }

    /// The same place with another value.
    func map<Other: Sendable>(_ transform: (Value) -> Other?) -> Located<Other>? {
        transform(value).map { Located<Other>($0, from: origin) }
    }
}
