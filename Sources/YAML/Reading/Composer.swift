/// Builds nodes from events, without recursion, and collects what is wrong on the way.
struct Composer {
    /// A node with what aliases to it cost.
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
    /// Whether any scalar has a NUL character.
    private var hasNUL = false
    /// Where scalars stand, kept only where a tab or a `#` must be told from one inside a scalar.
    private var scalarBytes: [Range<Int>] = []
    /// What libyaml did not get through.
    private var unread: [Range<Int>] = []
    /// Where the last whole document ends.
    private var readTo = 0

    // The state of the stretch of text that is being read.
    private var firstLine = 0
    private var firstScalar = 0

    // The state of the document that is being read.
    var frames: [Frame] = []
    private var anchors: [String: Anchored] = [:]
    private var root: NodeBuilder.Part?
    /// What the open collections hold so far, that of the innermost last.
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

    /// Ends the reading: looks at what lies between the values, and sorts the problems.
    mutating func finish() -> YAMLStream {
        var comments: [YAMLComment] = []
        if text.hasTab || text.hasHash {
            let scanned = ScannedText(text, scalars: scalarBytes, unread: unread, limit: limits.problems)
            let known = Set(problems.map(\.range.start.line))
            problems += scanned.tabs.filter { !known.contains($0.range.start.line) }
            comments = scanned.comments
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
        // Only an escape can make one.
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
            // What was found before in the same line has the same cause.
            problems.removeAll { $0.range.start.line == problem.range.start.line }
        }
        problems.append(problem)
    }

    /// The bytes of a scalar; a block begins behind its first line, which may end in a comment.
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
