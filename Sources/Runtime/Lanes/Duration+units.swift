extension Duration {
    /// Whole microseconds, rounded down.
    var microseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }

    /// Whole milliseconds, rounded up: a delay is never shorter than asked for.
    var milliseconds: Int { (microseconds + 999) / 1_000 }
}

extension Collection {
    /// The elements in portions of at most `size`.
    func chunked(by size: Int) -> [SubSequence] {
        var chunks: [SubSequence] = []
        var rest = self[...]
        while !rest.isEmpty {
            chunks.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return chunks
    }
}
