/// Suggests the word that an author probably meant.
public enum SpellingSuggestion {
    /// Returns the nearest of the known words, best first, at most three.
    ///
    /// A word is near if a third of the letters, but at least one, may differ; case does not count. Words that are
    /// farther than the nearest are left out.
    public static func candidates(for word: String, among known: some Sequence<String>) -> [String] {
        let letters = Array(word.prefix(64).lowercased().unicodeScalars)
        let limit = max(1, letters.count / 3)
        let near =
            known
            .compactMap { candidate -> (distance: Int, word: String)? in
                let other = Array(candidate.lowercased().unicodeScalars)
                guard abs(other.count - letters.count) <= limit else { return nil }
                let distance = distance(letters, other)
                return distance <= limit ? (distance, candidate) : nil
            }
            .sorted { ($0.distance, $0.word) < ($1.distance, $1.word) }
        return near.prefix { $0.distance == near[0].distance }.prefix(3).map(\.word)
    }

    /// Returns whether a word may be a misspelling of a known one.
    package static func isNear(_ word: String, to known: String) -> Bool {
        if let (letters, count) = letterSet(word), let (others, otherCount) = letterSet(known) {
            let limit = max(1, count / 3)
            // One edit changes the length by one at most, and adds or removes two different letters at most.
            guard abs(count - otherCount) <= limit, (letters ^ others).nonzeroBitCount <= 2 * limit else {
                return false
            }
        }
        return !candidates(for: word, among: [known]).isEmpty
    }

    /// Returns the set of letters of a short ASCII word, whatever their case, and their number; `nil` for other words.
    private static func letterSet(_ word: String) -> (UInt64, Int)? {
        var set: UInt64 = 0
        var count = 0
        for byte in word.utf8 {
            guard byte < 0x80, count < 64 else { return nil }
            let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            set |= 1 << UInt64((isUpper ? byte | 0x20 : byte) & 0x3F)
            count += 1
        }
        return (set, count)
    }

    /// Returns a help line with the nearest words, or else with the whole list if it is short.
    public static func help(for word: String, among known: [String], what: String) -> String? {
        let candidates = candidates(for: word, among: known)
        if !candidates.isEmpty { return "did you mean \(list(candidates, "or"))?" }
        guard !known.isEmpty, known.count <= 12 else { return nil }
        return "\(what): \(list(known, "and"))"
    }

    /// Lists words in backticks: `a`, `b` or `c`.
    public static func list(_ words: [String], _ last: String) -> String {
        let quoted = words.map { "`\($0)`" }
        guard quoted.count > 1, let final = quoted.last else { return quoted.first ?? "" }
        return quoted.dropLast().joined(separator: ", ") + " \(last) " + final
    }

    /// Computes the Damerau-Levenshtein distance (optimal string alignment).
    static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var twoAgo: [Int] = []
        var previous = Array(0...right.count)
        for (row, a) in left.enumerated() {
            var current = [row + 1]
            for (column, b) in right.enumerated() {
                var best = min(previous[column + 1] + 1, current[column] + 1, previous[column] + (a == b ? 0 : 1))
                if row > 0, column > 0, a == right[column - 1], left[row - 1] == b {
                    best = min(best, twoAgo[column - 1] + 1)
                }
                current.append(best)
            }
            (twoAgo, previous) = (previous, current)
        }
        return previous[right.count]
    }
}
