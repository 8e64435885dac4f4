/// Builds nodes from events, without recursion, and collects problems.
struct Composer {
    /// A node with the cost of an alias to it.
    private struct Anchored {
        let part: NodeBuilder.Part
        let nodes: Int
        let height: Int
    }

    private let text: SourceText
    private let limits: YAMLLimits
    private(set) var builder: NodeBuilder
    private var documents: [NodeBuilder.Part] = []
    private(set) var problems: [YAMLProblem] = []
    /// True if any scalar has a NUL character.
    private var hasNUL = false
    /// The ranges of scalars, kept only if a tab or a `#` must be distinguished from one inside a scalar.
    private var scalarBytes: [Range<Int>] = []
    /// The ranges that libyaml could not parse.
    private var unread: [Range<Int>] = []
    /// The end of the last complete document.
    private var readTo = 0

    // The state of the part of the text that is being read.
    private var firstLine = 0
    private var firstScalar = 0

    // The state of the document that is being read.
    var frames: [Frame] = []
    private var anchors: [String: Anchored] = [:]
    private var root: NodeBuilder.Part?
    /// The parts of the open collections so far, the innermost collection last.
    var pending: [NodeBuilder.Part] = []
    private var nodes = 0
    private var aliasedNodes = 0
    private var isTooLarge = false

    init(text: SourceText, limits: YAMLLimits) {
        self.text = text
        self.limits = limits
        builder = NodeBuilder(bytes: text.bytes.count)
    }

    /// Reads from an offset at the start of a line to the end, or to the first syntax error.
    ///
    /// - Returns: The offset where reading can go on, or `nil` at the end.
    mutating func compose(from offset: Int) -> Int? {
        let skipped = text.count(from: text.contentStart, to: offset)
        (firstLine, firstScalar, readTo) = (skipped.lines, skipped.scalars, offset)
        let bytes = text.bytes
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            var source = unsafe EventSource(UnsafeBufferPointer(rebasing: buffer[offset...]))
            return read(&source, from: offset)
        }
    }

    private mutating func read(_ source: inout EventSource, from offset: Int) -> Int? {
        beginDocument()
        do {
            while true {
                let kind = try source.next()
                if case .streamEnd = kind { return nil }
                handle(kind, source)
                guard !isTooLarge, problems.count < limits.problems else { return stop(before: nil) }
            }
        } catch {
            let mark = mark(error.mark)
            report(syntaxProblem(error))
            guard problems.count < limits.problems else { return stop(before: nil) }
            return stop(before: text.nextDocument(after: max(mark.offset, offset + 1)))
        }
    }

    private mutating func stop(before next: Int?) -> Int? {
        unread.append(readTo..<max(readTo, next ?? text.bytes.count))
        return next
    }

    /// Ends the reading: reads the text between the values, and sorts the problems.
    mutating func finish() -> YAMLStream {
        var comments: [YAMLComment] = []
        if text.hasTab || text.hasHash {
            let scanned = ScannedText(text, scalars: scalarBytes, unread: unread, limit: limits.problems)
            let known = Set(problems.map(\.range.start.line))
            problems += scanned.tabs.filter { !known.contains($0.range.start.line) }
            comments = scanned.comments
        }
        let markers = text.conflictMarkers(limit: limits.problems)
        if !markers.isEmpty {
            // The lines of both versions together are rarely valid, and the marker says why.
            problems.removeAll { $0.kind == .syntax || $0.kind == .duplicateKey }
            problems += markers
        }
        problems.sort { $0.range.start < $1.range.start }
        return YAMLStream(documents: builder.nodes(documents), problems: problems, comments: comments, hasNUL: hasNUL)
    }

    private mutating func beginDocument() {
        frames.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: true)
        anchors.removeAll(keepingCapacity: true)
        (root, nodes) = (nil, 0)
    }

    private mutating func handle(_ kind: EventSource.Kind, _ event: borrowing EventSource) {
        let range = YAMLRange(start: mark(event.start), end: mark(event.end))
        switch kind {
        case .streamStart, .streamEnd: break
        case .documentStart: beginDocument()
        case .documentEnd:
            if let root { documents.append(root) }
            readTo = range.end.offset
        case .alias: add(alias: event.anchor ?? "", at: range)
        case .scalar(let style):
            if text.hasTab || text.hasHash { scalarBytes.append(contentBytes(of: range, style)) }
            add(scalar: event, style, at: range)
        case .mappingStart: open(Frame(isMapping: true, event, at: range, nodes: nodes, start: pending.count))
        case .sequenceStart: open(Frame(isMapping: false, event, at: range, nodes: nodes, start: pending.count))
        case .mappingEnd, .sequenceEnd: close(at: range)
        }
    }

    // MARK: Nodes

    private mutating func add(scalar event: borrowing EventSource, _ style: YAMLScalar.Style, at range: YAMLRange) {
        count(1, at: range)
        var part = unsafe builder.scalar(event.bytes, style: style, at: range)
        // Only an escape can make a NUL.
        if style == .doubleQuoted, !hasNUL { hasNUL = unsafe event.bytes.contains(0) }
        if let written = event.tag { part = tagged(part, written, at: range) }
        deliver(part, event.anchor, nodes: 1, height: 0)
    }

    private mutating func tagged(
        _ scalar: NodeBuilder.Part,
        _ written: String,
        at range: YAMLRange
    ) -> NodeBuilder.Part {
        guard let tag = written == "!" ? .str : YAMLScalar.CoreTag(core: written) else {
            report(.unknownTag(written, at: range))
            return scalar
        }
        let text = NodeTable.text(of: scalar.record, in: builder.texts)
        if !YAMLScalar(text: text, style: scalar.record.style, tag: tag).fitsTag {
            report(.misfit(text, tag, at: range))
        }
        return scalar.with(tag)
    }

    private mutating func add(alias name: String, at range: YAMLRange) {
        guard let anchored = anchors[name] else {
            let isOpen = frames.contains { $0.anchor == name }
            report(.unknownAnchor(name, isOpen: isOpen, known: anchors.keys.sorted(), at: range))
            count(1, at: range)
            return deliver(.invalid(at: range), nil, nodes: 1, height: 0)
        }
        aliasedNodes += anchored.nodes
        count(anchored.nodes, at: range)
        if aliasedNodes > limits.aliasedNodes, !isTooLarge { refuse(.tooManyAliases(limits.aliasedNodes, at: range)) }
        if frames.count + anchored.height > limits.depth, !isTooLarge { refuse(.tooDeep(limits.depth, at: range)) }
        deliver(anchored.part.at(range), nil, nodes: anchored.nodes, height: anchored.height)
    }

    private mutating func open(_ frame: Frame) {
        count(1, at: frame.range)
        if frames.count >= limits.depth, !isTooLarge { refuse(.tooDeep(limits.depth, at: frame.range)) }
        if let written = frame.tag, written != "!", written != "tag:yaml.org,2002:\(frame.isMapping ? "map" : "seq")" {
            report(.unknownTag(written, at: frame.range))
        }
        frames.append(frame)
    }

    private mutating func close(at range: YAMLRange) {
        guard let frame = frames.popLast() else { return }
        let whole = frame.range(endEvent: range)
        let part: NodeBuilder.Part
        if !frame.isMapping {
            part = builder.sequence(pending[frame.start...], at: whole)
        } else if frame.isInvalid {
            part = .invalid(at: whole)
        } else {
            part = builder.mapping(pending[frame.start...], isDamaged: frame.isDamaged, at: whole)
        }
        pending.removeLast(pending.count - frame.start)
        deliver(part, frame.anchor, nodes: nodes - frame.nodesBefore, height: frame.height + 1)
    }

    private mutating func deliver(_ part: NodeBuilder.Part, _ anchor: String?, nodes: Int, height: Int) {
        if let anchor { anchors[anchor] = Anchored(part: part, nodes: nodes, height: height) }
        guard let last = frames.indices.last else {
            root = part
            return
        }
        frames[last].height = max(frames[last].height, height)
        frames[last].lastEnd = part.record.range.end
        guard frames[last].isMapping else { return pending.append(part) }
        guard let key = frames[last].key else {
            frames[last].key = part
            return
        }
        frames[last].key = nil
        if let problem = add(key, value: part, to: last) { report(problem) }
    }

    private mutating func count(_ added: Int, at range: YAMLRange) {
        nodes += added
        if nodes > limits.nodes, !isTooLarge { refuse(.tooManyNodes(limits.nodes, at: range)) }
    }

    // MARK: Problems

    private mutating func refuse(_ problem: YAMLProblem) {
        isTooLarge = true
        report(problem)
    }

    private mutating func report(_ problem: YAMLProblem) {
        if problem.kind == .syntax {
            // An earlier problem in the same line has the same cause.
            problems.removeAll { $0.range.start.line == problem.range.start.line }
        }
        problems.append(problem)
    }

    /// Returns the bytes of a scalar; a block begins after its first line, which may end in a comment.
    private func contentBytes(of range: YAMLRange, _ style: YAMLScalar.Style) -> Range<Int> {
        var start = range.start.offset
        if style == .literal || style == .folded {
            while start < range.end.offset, !text.isBreak(at: start) { start += 1 }
        }
        return start..<max(start, range.end.offset)
    }

    private func mark(_ raw: EventSource.RawMark) -> YAMLMark {
        let offset = text.offset(ofScalar: firstScalar + raw.index)
        // libyaml ends the last line even where no line break does.
        if raw.column == 0, offset == text.bytes.count, text.endsInLine { return text.mark(at: offset) }
        return YAMLMark(line: firstLine + raw.line + 1, column: raw.column + 1, offset: offset)
    }

    private func syntaxProblem(_ failure: EventSource.Failure) -> YAMLProblem {
        SyntaxExplanation(text: text, failure: failure, mark: mark(failure.mark), context: mark(failure.contextMark))
            .problem
    }
}

extension Composer {
    /// The number of pairs up to which a mapping is searched linearly for a key.
    private static let short = 8

    /// Puts a pair into a mapping.
    ///
    /// - Returns: The problem of the key; `nil` if there is no new problem to report.
    mutating func add(_ key: NodeBuilder.Part, value: NodeBuilder.Part, to frame: Int) -> YAMLProblem? {
        let range = key.record.range
        guard key.record.kind == .scalar else {
            frames[frame].isInvalid = true
            return key.record.kind == .invalid ? nil : .collectionKey(at: range)
        }
        let isPlain = key.record.style == .plain
        if isPlain, key.record.count == 2, text(of: key) == "<<" {
            frames[frame].isDamaged = true
            return .mergeKey(at: range)
        }
        var problem: YAMLProblem?
        if isPlain, mayBeOther(key) {
            let scalar = YAMLScalar(text: text(of: key), style: .plain)
            if !scalar.isString { problem = .nonStringKey(scalar.text, scalar.value, at: range) }
        }
        if let first = position(of: key, in: frame) {
            return problem ?? .duplicateKey(text(of: key), at: range, first: pending[first].record.range)
        }
        if pending.count - frames[frame].start >= 2 * Self.short {
            frames[frame].index[text(of: key)] = pending.count
        }
        pending.append(key)
        pending.append(value)
        return problem
    }

    private func text(of scalar: NodeBuilder.Part) -> String {
        NodeTable.text(of: scalar.record, in: builder.texts)
    }

    /// Returns true if a plain text may be something other than a string; most texts clearly are not.
    private func mayBeOther(_ scalar: NodeBuilder.Part) -> Bool {
        guard scalar.record.count > 0 else { return true }
        switch builder.texts[Int(scalar.record.first)] {
        case UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"),
            UInt8(ascii: "F"):
            // null, true, false.
            return (4...5).contains(scalar.record.count)
        case UInt8(ascii: "A")...UInt8(ascii: "z"): return false
        default: return true
        }
    }

    /// Returns the position of an equal key of the same mapping among the pending parts.
    private func position(of key: NodeBuilder.Part, in frame: Int) -> Int? {
        if !frames[frame].index.isEmpty, let known = frames[frame].index[text(of: key)] { return known }
        let start = frames[frame].start
        let end = min(pending.count, start + 2 * Self.short)
        for place in stride(from: start, to: end, by: 2) where isSame(pending[place], key) { return place }
        return nil
    }

    private func isSame(_ left: NodeBuilder.Part, _ right: NodeBuilder.Part) -> Bool {
        let (one, other) = (Int(left.record.first), Int(right.record.first))
        for offset in 0..<Int(min(left.record.count, right.record.count)) {
            let bytes = (builder.texts[one + offset], builder.texts[other + offset])
            // Letters with accents can be written in two ways.
            if bytes.0 >= 0x80 || bytes.1 >= 0x80 { return text(of: left) == text(of: right) }
            if bytes.0 != bytes.1 { return false }
        }
        // An accent may follow a letter as a character of its own.
        if left.record.count != right.record.count { return text(of: left) == text(of: right) }
        return true
    }
}

extension YAMLScalar {
    /// True if the value is a string; the string itself is not made.
    fileprivate var isString: Bool {
        if case .string = value { return true }
        return false
    }
}

/// A collection that is still open.
struct Frame {
    let isMapping: Bool
    let anchor: String?
    let tag: String?
    let range: YAMLRange
    /// Nodes of the document before this one.
    let nodesBefore: Int
    /// The index of this collection's first part among the pending parts.
    let start: Int
    /// The deepest nesting below.
    var height = 0
    /// The key that waits for its value.
    var key: NodeBuilder.Part?
    /// True if pairs were left out.
    var isDamaged = false
    /// True if a key was invalid.
    var isInvalid = false
    /// The keys and their places, once there are too many for a linear search.
    var index: [String: Int] = [:]
    /// The end of the last child.
    var lastEnd: YAMLMark?

    init(isMapping: Bool, _ event: borrowing EventSource, at range: YAMLRange, nodes: Int, start: Int) {
        self.isMapping = isMapping
        anchor = event.anchor
        tag = event.tag
        self.range = range
        nodesBefore = nodes
        self.start = start
    }

    /// Returns the place of the whole collection.
    func range(endEvent: YAMLRange) -> YAMLRange {
        // A flow collection ends after its bracket. A block ends where its last child does, because libyaml notices the
        // end of a block only at the text that follows.
        let isFlow = endEvent.end.offset > endEvent.start.offset
        let end = isFlow ? endEvent.end : lastEnd ?? range.end
        return YAMLRange(start: range.start, end: max(end, range.start))
    }
}
