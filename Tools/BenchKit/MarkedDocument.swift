/// A document in which a program writes the marked places and people write the rest.
///
/// ```markdown
/// <!-- bench table:launch -->
/// … written by the bench …
/// <!-- end -->
/// ```
public struct MarkedDocument: Sendable {
    private static let start = "<!-- bench "
    private static let end = "<!-- end -->"

    public private(set) var text: String

    public init(_ text: String) {
        self.text = text
    }

    /// Replaces the text between markers; a place without new text keeps its old text.
    ///
    /// - Parameter section: Returns the text for the name of a place.
    /// - Returns: The number of places.
    /// - Throws: ``BenchError/wrong(_:)`` if a place has no end.
    public mutating func fill(_ section: (String) -> String?) throws(BenchError) -> Int {
        var lines: [Substring] = []
        var places = 0
        var rest = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        while let line = rest.popFirst() {
            lines.append(line)
            guard line.hasPrefix(Self.start) else { continue }
            guard let end = rest.firstIndex(where: { $0 == Self.end }) else {
                throw .wrong("the document has no `\(Self.end)` after `\(line)`")
            }
            places += 1
            let name = line.dropFirst(Self.start.count).prefix { $0 != " " }
            if let content = section(String(name)) {
                lines += content.split(separator: "\n", omittingEmptySubsequences: false)
            } else {
                lines += rest[..<end]
            }
            lines.append(rest[end])
            rest = rest[(end + 1)...]
        }
        text = lines.joined(separator: "\n")
        return places
    }
}
