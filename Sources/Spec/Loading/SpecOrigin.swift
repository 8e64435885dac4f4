import Spelling
internal import YAML

/// Where a spec comes from; shared by all values made of it, so that passing them around copies nothing of it.
final class SpecOrigin: Sendable {
    let identity: SpecIdentity
    /// Where the name of the spec stands.
    let place: SourcePlace
    /// Whether the field that the tenant may give is absent, and neither misspelt nor lost in something that was
    /// reported already.
    let usesDefault: Bool
    private let source: SpecSource
    /// The place of the document among those of its file.
    private let position: Int

    /// Takes a document of a file that was just read; in one without errors no field is misspelt.
    init(
        identity: SpecIdentity,
        name: YAMLRange,
        document: YAMLNode,
        isDraft: Bool,
        at position: Int,
        of source: SpecSource
    ) {
        self.identity = identity
        place = SourcePlace(file: source.path, name)
        usesDefault =
            identity.kind.defaultedField.map { document.mapping?.lacks($0, isDraft: isDraft) ?? false } ?? false
        (self.source, self.position) = (source, position)
    }

    /// The whole document.
    var document: YAMLNode { source.document(position) }

    /// Where the name stands, within the file.
    var nameRange: YAMLRange {
        let document = document
        return document.mapping?["name"]?.range ?? document.range
    }
}

extension SpecKind {
    /// The field that a tenant may give for all its specs of this kind.
    fileprivate var defaultedField: String? {
        switch self {
        case .template: "language"
        case .campaign: "sender"
        case .tenant, .sender, .audience, .schedule, .trigger: nil
        }
    }
}

extension YAMLMapping {
    /// Whether a field is absent, and is neither misspelt nor lost in something that was reported already.
    fileprivate func lacks(_ key: String, isDraft: Bool) -> Bool {
        guard !isDamaged, index(of: key) == nil else { return false }
        return !isDraft || !pairs.contains { SpellingSuggestion.isNear($0.key, to: key) }
    }
}
