/// A collection whose end was not read yet.
struct Frame {
    let isMapping: Bool
    let anchor: String?
    let tag: String?
    let range: YAMLRange
    /// Nodes of the document before this one.
    let nodesBefore: Int
    /// The deepest nesting below.
    var height = 0

    private var items: [YAMLNode] = []
    private var pairs: [YAMLMapping.Pair] = []
    private var key: YAMLNode?
    private var isDamaged = false
    private var isInvalid = false
    /// The keys, once there are too many for a walk.
    private var index: [String: Int] = [:]
    private var lastEnd: YAMLMark?

    init(isMapping: Bool, _ event: borrowing EventSource, at range: YAMLRange, nodes: Int) {
        self.isMapping = isMapping
        anchor = event.anchor
        tag = event.tag
        self.range = range
        nodesBefore = nodes
    }

    /// Takes the next item, key or value.
    mutating func add(_ node: YAMLNode) -> YAMLProblem? {
        lastEnd = node.range.end
        guard isMapping else {
            items.append(node)
            return nil
        }
        guard let key else {
            self.key = node
            return nil
        }
        self.key = nil
        return add(key: key, value: node)
    }

    private mutating func add(key: YAMLNode, value: YAMLNode) -> YAMLProblem? {
        guard let scalar = key.scalar else {
            isInvalid = true
            if case .invalid = key.content { return nil }
            return .collectionKey(at: key.range)
        }
        if scalar.text == "<<", scalar.style == .plain {
            isDamaged = true
            return .mergeKey(at: key.range)
        }
        var problem: YAMLProblem?
        if scalar.style == .plain, !scalar.isString {
            problem = .nonStringKey(scalar.text, scalar.value, at: key.range)
        }
        if let first = position(of: scalar.text) {
            return problem ?? .duplicateKey(scalar.text, at: key.range, first: pairs[first].keyRange)
        }
        // A document has more fields than what is nested in it.
        if pairs.isEmpty { pairs.reserveCapacity(nodesBefore == 0 ? 10 : 3) }
        if pairs.count >= 8 { index[scalar.text] = pairs.count }
        pairs.append(YAMLMapping.Pair(key: scalar.text, keyRange: key.range, value: value))
        return problem
    }

    private func position(of key: String) -> Int? {
        if let known = index[key] { return known }
        return pairs.prefix(8).firstIndex { $0.key == key }
    }

    /// The finished node.
    func node(endEvent: YAMLRange) -> YAMLNode {
        // A flow collection ends behind its bracket; a block ends where its last child does, since libyaml only
        // notices its end at whatever comes next.
        let isFlow = endEvent.end.offset > endEvent.start.offset
        let end = isFlow ? endEvent.end : lastEnd ?? range.end
        let whole = YAMLRange(start: range.start, end: max(end, range.start))
        guard isMapping else { return YAMLNode(content: .sequence(items), range: whole) }
        guard !isInvalid else { return YAMLNode(content: .invalid, range: whole) }
        return YAMLNode(content: .mapping(YAMLMapping(pairs: pairs, isDamaged: isDamaged)), range: whole)
    }
}

extension YAMLScalar {
    /// Whether the value is a string, without making one.
    fileprivate var isString: Bool {
        if case .string = value { return true }
        return false
    }
}
