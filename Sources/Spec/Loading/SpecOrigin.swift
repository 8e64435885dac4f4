internal import YAML

/// Where a spec comes from; shared by all values made of it, so that passing them around copies nothing of it.
final class SpecOrigin: Sendable {
    let identity: SpecIdentity
    /// Where the name of the spec stands.
    let place: SourcePlace
    /// The whole document.
    let node: YAMLNode

    init(identity: SpecIdentity, place: SourcePlace, node: YAMLNode) {
        (self.identity, self.place, self.node) = (identity, place, node)
    }

    /// Where the name stands, within the file.
    var nameRange: YAMLRange { node.mapping?["name"]?.range ?? node.range }
}
