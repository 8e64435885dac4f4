import JSON
import Spec
import Spelling

/// One line of a difference, as people see it.
struct DifferenceLine: Hashable {
    enum Sign: String {
        case removed = "-"
        case added = "+"
        case same = " "
    }

    /// A piece of a line.
    struct Part: Hashable {
        /// The text, with escapes for what cannot be seen.
        let text: String
        let isChanged: Bool
    }

    let sign: Sign
    let parts: [Part]

    init(_ sign: Sign, _ parts: [Part]) { (self.sign, self.parts) = (sign, parts) }

    init(_ sign: Sign, _ text: String, isChanged: Bool = false) {
        self.init(sign, [Part(text: text, isChanged: isChanged)])
    }

    /// The text of all parts.
    var plain: String { parts.map(\.text).joined() }

    /// The text with marks around the words that changed: `get [-10-] % off` and `get {+15+} % off`; a line that changed
    /// as a whole needs none.
    var marked: String {
        guard parts.count > 1 else { return plain }
        return parts.map { part in
            guard part.isChanged, !part.text.isEmpty else { return part.text }
            return sign == .removed ? "[-\(part.text)-]" : "{+\(part.text)+}"
        }
        .joined()
    }
}

/// Compares two texts line by line, and lines that were changed word by word.
///
/// Unless all is shown, equal lines far from a change are left out, and long lines are cut around their differences: the
/// first differing characters of both sides are always shown.
struct TextDifference {
    /// The number of characters to show of equal text beside a difference.
    private static let context = 30
    /// The number of characters to show of a differing part.
    private static let changeLength = 120
    /// The number of differing parts of one line to show.
    private static let changeCount = 8

    let isFull: Bool

    /// Returns the lines of a difference; the removed and the added ones never have the same texts.
    func lines(from old: String, to new: String) -> [DifferenceLine] {
        let before = ValueText.lines(of: old).map { ExactText($0) }
        let after = ValueText.lines(of: new).map { ExactText($0) }
        let blocks = AlignedBlock.align(before, after)
        var lines: [DifferenceLine] = []
        for (index, block) in blocks.enumerated() {
            switch block {
            case .same(let same): lines += context(same, isFirst: index == 0, isLast: index == blocks.count - 1)
            case .changed(let removed, let added): lines += changes(removed, added)
            }
        }
        func texts(_ sign: DifferenceLine.Sign) -> [String] { lines.filter { $0.sign == sign }.map(\.plain) }
        // Whole lines that were cut may look alike.
        guard !isFull, texts(.removed) == texts(.added) else { return lines }
        return TextDifference(isFull: true).lines(from: old, to: new)
    }

    /// Returns the lines of a text that only one side has.
    func lines(of text: String, _ sign: DifferenceLine.Sign) -> [DifferenceLine] {
        ValueText.lines(of: text).map { whole(ExactText($0), sign) }
    }

    /// Returns equal lines, without those in the middle.
    private func context(_ lines: [ExactText], isFirst: Bool, isLast: Bool) -> [DifferenceLine] {
        func line(_ line: ExactText) -> DifferenceLine {
            DifferenceLine(.same, visible(isFull ? Head(line.text) : Head(line.text, to: Self.context * 2)))
        }
        let (head, tail) = (isFirst ? 0 : 1, isLast ? 0 : 1)
        guard !isFull, lines.count > head + tail + 1 else { return lines.map(line) }
        let omitted = DifferenceLine(.same, "… \(NumberText.count(lines.count - head - tail, "equal line"))")
        return lines.prefix(head).map(line) + [omitted] + lines.suffix(tail).map(line)
    }

    /// Returns a block of removed and added lines; the n-th of both belong together.
    private func changes(_ removed: [ExactText], _ added: [ExactText]) -> [DifferenceLine] {
        let common = min(removed.count, added.count)
        return zip(removed, added).flatMap { changed($0.text, $1.text) }
            + removed.dropFirst(common).map { whole($0, .removed) } + added.dropFirst(common).map { whole($0, .added) }
    }

    private func whole(_ line: ExactText, _ sign: DifferenceLine.Sign) -> DifferenceLine {
        guard !line.text.isEmpty else { return DifferenceLine(sign, "⏎", isChanged: true) }
        let head = isFull ? Head(line.text) : Head(line.text, to: Self.changeLength)
        return DifferenceLine(sign, visible(head, isChanged: true), isChanged: true)
    }

    /// Compares two lines word by word.
    private func changed(_ old: Substring, _ new: Substring) -> [DifferenceLine] {
        let blocks = AlignedBlock.words(of: old, new)
        var (before, after): ([DifferenceLine.Part], [DifferenceLine.Part]) = ([], [])
        func add(_ text: String) {
            before.append(DifferenceLine.Part(text: text, isChanged: false))
            after.append(DifferenceLine.Part(text: text, isChanged: false))
        }
        var count = 0
        for (index, block) in blocks.enumerated() {
            var edges: ValueText.Edges = []
            if index == 0 { edges.insert(.start) }
            if index == blocks.count - 1 { edges.insert(.end) }
            switch block {
            case .same(let words): add(beside(words, edges))
            case .changed(let removed, let added):
                count += 1
                guard isFull || count <= Self.changeCount else {
                    add("… more differences in this line")
                    return [DifferenceLine(.removed, before), DifferenceLine(.added, after)]
                }
                let length = isFull ? Int.max : Self.changeLength
                let heads = (Head(removed.joined, to: length), Head(added.joined, to: length))
                let isASCII = ValueText.looksAlike(heads.0.text, heads.1.text)
                func part(_ head: Head) -> DifferenceLine.Part {
                    let text = visible(head, isChanged: true, isASCII: isASCII, edges: edges)
                    return DifferenceLine.Part(text: text, isChanged: true)
                }
                before.append(part(heads.0))
                after.append(part(heads.1))
            }
        }
        return [DifferenceLine(.removed, before), DifferenceLine(.added, after)]
    }

    /// Returns equal text of a line, cut to what is beside a difference.
    private func beside(_ words: [ExactText], _ edges: ValueText.Edges) -> String {
        let text = words.joined
        let isStart = edges.contains(.start)
        let (left, right) = (isStart ? 0 : Self.context, edges.contains(.end) ? 0 : Self.context)
        guard !isFull, text.count > left + right + 1 else { return ValueText.visible(text, edges: edges) }
        return ValueText.visible(text.prefix(left), edges: []) + "…"
            + ValueText.visible(text.suffix(right), edges: [])
    }

    private func visible(
        _ head: Head,
        isChanged: Bool = false,
        isASCII: Bool = false,
        edges: ValueText.Edges = [.start, .end]
    ) -> String {
        ValueText.visible(head.text, isChanged: isChanged, isASCII: isASCII, edges: edges)
            + (head.rest > 0 ? "…(\(NumberText.count(head.rest, "more character")))" : "")
    }

    /// The beginning of a text, and the number of characters that were left out.
    private struct Head {
        let text: Substring
        let rest: Int

        init(_ text: Substring, to length: Int = .max) {
            self.text = length == .max ? text : text.prefix(length)
            rest = length == .max ? 0 : max(0, text.count - length)
        }
    }
}

/// A part of two sequences, such as words or lines, that is equal in both or differs.
private enum AlignedBlock {
    case same([ExactText])
    case changed([ExactText], [ExactText])

    /// The number of elements beyond which all that differs is one block, because an alignment takes quadratic time.
    private static let limit = 1_000
    /// The share of equal characters below which a line was replaced, not changed.
    private static let similarity = 0.3
    /// The number of equal characters from which on the ends of two differing texts are equal text.
    private static let commonEnd = 20

    /// Aligns two sequences; blocks alternate, and neighbours in a changed block never begin alike.
    static func align(_ old: [ExactText], _ new: [ExactText], isOneBlock: Bool = false) -> [AlignedBlock] {
        let prefix = zip(old, new).prefix { $0 == $1 }.count
        let suffix = zip(old.dropFirst(prefix).reversed(), new.dropFirst(prefix).reversed()).prefix { $0 == $1 }.count
        let before = Array(old[prefix..<(old.count - suffix)])
        let after = Array(new[prefix..<(new.count - suffix)])
        let isLong = isOneBlock || before.count + after.count > limit
        let middle = isLong ? [AlignedBlock.changed(before, after)] : difference(before, after)
        return joined([.same(Array(old.prefix(prefix)))] + middle + [.same(Array(old.suffix(suffix)))])
    }

    private static func difference(_ old: [ExactText], _ new: [ExactText]) -> [AlignedBlock] {
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var (left, right) = (0, 0)
        var blocks: [AlignedBlock] = []
        while left < old.count || right < new.count {
            if removed.contains(left) {
                blocks.append(.changed([old[left]], []))
                left += 1
            } else if inserted.contains(right) {
                blocks.append(.changed([], [new[right]]))
                right += 1
            } else {
                blocks.append(.same([old[left]]))
                (left, right) = (left + 1, right + 1)
            }
        }
        return blocks
    }

    /// Joins neighbours of the same kind, and drops empty ones.
    private static func joined(_ blocks: [AlignedBlock]) -> [AlignedBlock] {
        var joined: [AlignedBlock] = []
        for block in blocks {
            switch (joined.last, block) {
            case (_, .same([])), (_, .changed([], [])): continue
            case (.same(let first)?, .same(let second)): joined[joined.count - 1] = .same(first + second)
            case (.changed(let removed, let added)?, .changed(let moreRemoved, let moreAdded)):
                joined[joined.count - 1] = .changed(removed + moreRemoved, added + moreAdded)
            default: joined.append(block)
            }
        }
        return joined
    }

    /// Aligns the words of two lines.
    static func words(of old: Substring, _ new: Substring) -> [AlignedBlock] {
        let (before, after) = (split(old), split(new))
        var blocks = align(before, after)
        let same = blocks.reduce(0) { count, block in
            guard case .same(let words) = block else { return count }
            return count + words.joined.utf8.count
        }
        if Double(same) < similarity * Double(max(old.utf8.count, new.utf8.count)) {
            blocks = align(before, after, isOneBlock: true)
        }
        return joined(blocks.flatMap(withoutCommonEnds))
    }

    /// Takes long equal ends out of a block that differs, such as those of two addresses.
    private static func withoutCommonEnds(_ block: AlignedBlock) -> [AlignedBlock] {
        guard case .changed(let removed, let added) = block else { return [block] }
        let old = removed.joined.map { ExactText(String($0)) }
        let new = added.joined.map { ExactText(String($0)) }
        let prefix = zip(old, new).prefix { $0 == $1 }.count
        let start = prefix > commonEnd ? prefix : 0
        let suffix = zip(old.dropFirst(start).reversed(), new.dropFirst(start).reversed()).prefix { $0 == $1 }.count
        let end = suffix > commonEnd ? suffix : 0
        return [
            .same(Array(old.prefix(start))),
            .changed(Array(old[start..<(old.count - end)]), Array(new[start..<(new.count - end)])),
            .same(Array(old.suffix(end))),
        ]
    }

    /// Splits a line into words, and the characters between them.
    private static func split(_ line: Substring) -> [ExactText] {
        var words: [ExactText] = []
        var start = line.startIndex
        for index in line.indices where !(line[index].isLetter || line[index].isNumber) {
            if start < index { words.append(ExactText(line[start..<index])) }
            let next = line.index(after: index)
            words.append(ExactText(line[index..<next]))
            start = next
        }
        if start < line.endIndex { words.append(ExactText(line[start...])) }
        return words
    }
}

extension [ExactText] {
    fileprivate var joined: Substring { Substring(map { String($0.text) }.joined()) }
}
