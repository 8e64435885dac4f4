internal import YAML

/// Where a spec comes from; shared by all values made of it, so that passing them around copies nothing of it.
final class SpecOrigin: Sendable {
    /// Where the name of the spec stands.
    let place: SourcePlace
    /// The whole document.
    let node: YAMLNode

    init(place: SourcePlace, node: YAMLNode) {
        (self.place, self.node) = (place, node)
    }
}
