/// A collection whose end was not read yet.
struct Frame {
    let isMapping: Bool
    let anchor: String?
    let tag: String?
    let range: YAMLRange
    /// Nodes of the document before this one.
    let nodesBefore: Int
    /// Where the parts of this collection start among those that wait.
    let start: Int
    /// The deepest nesting below.
    var height = 0
    /// The key that waits for its value.
    var key: NodeBuilder.Part?
    /// Whether pairs were left out.
    var isDamaged = false
    /// Whether a key is none.
    var isInvalid = false
    /// The keys and their places, once there are too many for a walk.
    var index: [String: Int] = [:]
    /// Where the last child ends.
    var lastEnd: YAMLMark?

    init(isMapping: Bool, _ event: borrowing EventSource, at range: YAMLRange, nodes: Int, start: Int) {
        self.isMapping = isMapping
        anchor = event.anchor
        tag = event.tag
        self.range = range
        nodesBefore = nodes
        self.start = start
    }

    /// Where the whole collection stands.
    func range(endEvent: YAMLRange) -> YAMLRange {
        // A flow collection ends behind its bracket; a block ends where its last child does, since libyaml only
        // notices its end at whatever comes next.
        let isFlow = endEvent.end.offset > endEvent.start.offset
        let end = isFlow ? endEvent.end : lastEnd ?? range.end
        return YAMLRange(start: range.start, end: max(end, range.start))
    }
}
