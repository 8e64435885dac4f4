import Spelling
import Synchronization
import YAML

/// A value with its place in a file.
public struct Located<Value: Sendable>: Sendable {
    public let value: Value
    private let origin: SpecOrigin

    init(_ value: Value, from origin: SpecOrigin) {
        (self.value, self.origin) = (value, origin)
    }

    public var identity: SpecIdentity { origin.identity }

    /// The place of the name of the spec.
    public var place: SourcePlace { origin.place }

    /// The whole document; it may be read again.
    var document: YAMLNode { origin.document }

    /// Returns the place of a field such as `audience.conditions[0].value`, or of the nearest enclosing field that exists.
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

    /// Returns the place of the key of a field, or of its mapping if the key is absent.
    func keyPlace(of field: String, in path: String) -> SourcePlace {
        var current = document
        for step in path.split(separator: ".") {
            guard let next = current.mapping?[String(step)] else { return place(of: path) }
            current = next
        }
        guard let range = current.mapping?.pair(field)?.keyRange else { return place(of: path) }
        return SourcePlace(file: place.file, range)
    }

    /// The first key of the document, where a missing field is reported.
    var headPlace: SourcePlace {
        document.mapping?.pairs.first.map { SourcePlace(file: place.file, $0.keyRange) } ?? place
    }

    /// True if the field with a default of the tenant is absent, and neither misspelt nor part of a reported problem.
    package var usesDefault: Bool { origin.usesDefault }

    /// Returns true if a field is absent, and no other one may be a misspelling of it.
    package func lacks(_ field: String) -> Bool {
        document.mapping?.lacks(field, isDraft: origin.faults != nil) ?? false
    }

    /// Returns true if all of these fields certainly have the meaning that was read; always, unless the spec is a draft.
    func isSound(_ fields: [String]) -> Bool {
        guard let faults = origin.faults else { return true }
        let mapping = document.mapping
        return fields.allSatisfy { faults.spare($0, isPresent: mapping?[$0] != nil) }
    }

    /// Returns the same spec by its own type; `nil` if it is of another kind.
    func `as`<Spec: SpecContent>(_ type: Spec.Type) -> Located<Spec>? {
        // Comparing kinds is faster than casting.
        identity.kind == Spec.kind ? map { $0 as? Spec } : nil
    }

    /// Returns the same place with another value.
    func map<Other: Sendable>(_ transform: (Value) -> Other?) -> Located<Other>? {
        transform(value).map { Located<Other>($0, from: origin) }
    }
}

extension Located {
    /// Returns the texts in a field and below it, in the order of the file.
    func texts(in field: String) -> [ReadValue<String>] {
        guard let value = document.mapping?[field] else { return [] }
        var texts: [ReadValue<String>] = []
        Self.collect(value, field, into: &texts)
        return texts
    }

    private static func collect(_ node: YAMLNode, _ field: String, into texts: inout [ReadValue<String>]) {
        switch node.content {
        case .invalid: break
        case .sequence(let items):
            for (index, item) in items.enumerated() { collect(item, "\(field)[\(index)]", into: &texts) }
        case .mapping(let mapping):
            for pair in mapping.pairs { collect(pair.value, "\(field).\(pair.key)", into: &texts) }
        case .scalar(let scalar):
            guard case .string(let text) = scalar.value else { return }
            texts.append(ReadValue(text, from: ReadNode(node, field: field)))
        }
    }
}

/// The file, document and name that a spec comes from; shared by all values made of the spec.
final class SpecOrigin: Sendable {
    let identity: SpecIdentity
    /// The place of the name of the spec.
    let place: SourcePlace
    /// True if the field with a default of the tenant is absent, and neither misspelt nor part of a reported problem.
    let usesDefault: Bool
    /// The fields with errors; `nil` for a spec without errors.
    let faults: SpecFaults?
    private let source: SpecSource
    /// The index of the document in its file.
    private let position: Int

    /// Makes the origin of a document that was just read; a document without errors has no misspelt field.
    init(
        identity: SpecIdentity,
        name: YAMLRange,
        document: YAMLNode,
        faults: SpecFaults?,
        at position: Int,
        of source: SpecSource
    ) {
        self.identity = identity
        place = SourcePlace(file: source.path, name)
        usesDefault =
            identity.kind.definition.defaultedField.map { document.mapping?.lacks($0, isDraft: faults != nil) ?? false }
            ?? false
        (self.faults, self.source, self.position) = (faults, source, position)
    }

    /// The whole document.
    var document: YAMLNode { source.document(position) }

    /// The place of the name within the file.
    var nameRange: YAMLRange {
        let document = document
        return document.mapping?["name"]?.range ?? document.range
    }
}

extension YAMLMapping {
    /// Returns true if a field is absent, and neither misspelt nor part of a reported problem.
    fileprivate func lacks(_ key: String, isDraft: Bool) -> Bool {
        guard !isDamaged, index(of: key) == nil else { return false }
        return !isDraft || !pairs.contains { SpellingSuggestion.isNear($0.key, to: key) }
    }
}

/// A file with specs.
///
/// Its documents are only needed to report problems. They are read again in that case instead of being kept for all files.
final class SpecSource: Sendable {
    let path: String
    private let bytes: [UInt8]
    /// The environment whose values the documents have.
    private let environment: EnvironmentChoice
    private let documents = Mutex<[YAMLNode]?>(nil)

    init(path: String, bytes: [UInt8], environment: EnvironmentChoice) {
        (self.path, self.bytes, self.environment) = (path, bytes, environment)
    }

    /// Returns one of the documents that could be read.
    func document(_ position: Int) -> YAMLNode {
        documents.withLock { documents in
            let all = documents ?? read()
            documents = all
            return all[position]
        }
    }

    private func read() -> [YAMLNode] {
        let documents = YAMLReader().read(bytes).documents
        guard ValueSubstitution.isNeeded(for: bytes) else { return documents }
        var substitution = ValueSubstitution(environment, sink: nil)
        return documents.map { substitution.apply(to: $0) }
    }
}
