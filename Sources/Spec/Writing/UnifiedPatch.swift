/// Writes edits of files as a patch that `git apply` and `patch -p1` take.
public enum UnifiedPatch {
    /// The number of equal lines around a change.
    private static let context = 3

    /// Writes the patch of one file.
    ///
    /// - Parameters:
    ///   - path: The path from the folder in which the patch is to be applied.
    ///   - before: The text before; `nil` for a new file.
    ///   - after: The text after; `nil` for a removed file.
    /// - Returns: The patch; empty if the texts are equal.
    public static func text(path: String, from before: String?, to after: String?) -> String {
        guard before.map({ ExactText($0) }) != after.map({ ExactText($0) }) else { return "" }
        let (old, new) = (lines(before ?? ""), lines(after ?? ""))
        var rows = rows(old, new)
        var text = "--- \(before == nil ? "/dev/null" : "a/\(path)")\n+++ \(after == nil ? "/dev/null" : "b/\(path)")\n"
        var (oldLine, newLine) = (1, 1)
        while let first = rows.firstIndex(where: { $0.sign != " " }) {
            let start = max(0, first - context)
            (oldLine, newLine) = (oldLine + start, newLine + start)
            var end = first
            // Changes with few equal lines between them share one hunk.
            while let next = rows[end...].dropFirst().prefix(2 * context + 1).lastIndex(where: { $0.sign != " " }) {
                end = next
            }
            let hunk = rows[start...min(rows.count - 1, end + context)]
            let oldCount = hunk.count { $0.sign != "+" }
            let newCount = hunk.count { $0.sign != "-" }
            text += "@@ -\(oldCount == 0 ? oldLine - 1 : oldLine),\(oldCount) "
            text += "+\(newCount == 0 ? newLine - 1 : newLine),\(newCount) @@\n"
            for row in hunk {
                // A carriage return and a line feed are one character.
                let isWhole = row.line.unicodeScalars.last == "\n"
                text += "\(row.sign)\(row.line)" + (isWhole ? "" : "\n\\ No newline at end of file\n")
            }
            (oldLine, newLine) = (oldLine + oldCount, newLine + newCount)
            rows.removeFirst(hunk.endIndex)
        }
        return text
    }

    private static func rows(_ old: [String], _ new: [String]) -> [(sign: Character, line: String)] {
        let difference = new.map { ExactText($0) }.difference(from: old.map { ExactText($0) })
        let removed = Set(difference.removals.map(\.offset))
        let inserted = Set(difference.insertions.map(\.offset))
        var rows: [(sign: Character, line: String)] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if removed.contains(left) {
                rows.append(("-", old[left]))
                left += 1
            } else if inserted.contains(right) {
                rows.append(("+", new[right]))
                right += 1
            } else {
                rows.append((" ", old[left]))
                (left, right) = (left + 1, right + 1)
            }
        }
        return rows
    }

    /// Splits a text into lines with their line feeds.
    private static func lines(_ text: String) -> [String] {
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0) + "\n"
        }
        // The text after the last line feed is no line, if it is empty.
        let last = String(lines.removeLast().unicodeScalars.dropLast())
        return last.isEmpty ? lines : lines + [last]
    }
}

extension CollectionDifference.Change {
    fileprivate var offset: Int {
        switch self {
        case .insert(let offset, _, _), .remove(let offset, _, _): offset
        }
    }
}

/// A text that equals another one only if both have the same code points, unlike `String`, to which a letter with an
/// accent equals the same letter followed by the accent.
package struct ExactText: Hashable, Comparable {
    package let text: Substring

    package init(_ text: some StringProtocol) { self.text = Substring(text) }

    package static func == (left: Self, right: Self) -> Bool { identical(left.text, right.text) }

    package static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }

    /// Returns true if two texts have the same bytes.
    package static func identical(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }
}
