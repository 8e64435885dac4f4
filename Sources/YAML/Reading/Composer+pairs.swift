extension Composer {
    /// Up to this many pairs are looked through for a key.
    private static let short = 8

    /// Puts a pair into a mapping.
    ///
    /// - Returns: What is wrong with the key.
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

    /// Whether a plain text may be something else than a string, which most are clearly not.
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

    /// The place of an equal key of the same mapping among the parts that wait.
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
    /// Whether the value is a string, without making one.
    fileprivate var isString: Bool {
        if case .string = value { return true }
        return false
    }
}
