import Foundation

/// The result of one seed of a cell.
struct CellResult: Sendable {
    let cell: String
    let title: String
    let seed: UInt64
    var messages = 0
    var lost = 0
    var duplicated = 0
    var unconfirmed = 0
    /// The largest number of requests of one sender in one second.
    var peak = 0
    /// Seconds from healing to the next accepted message.
    var recovery: Double?
    /// The time from launch to the end of the last run, in seconds.
    var seconds = 0.0
    /// Broken rules, each with its number; empty if the cell holds.
    var violations: [String] = []

    /// Findings that could not be judged, each with the reason.
    var notes: [String] = []

    var isGood: Bool { violations.isEmpty }
}

/// The table of results inside a document; the rest of the document is kept.
///
/// Cells that were not run keep their line.
struct ResultTable: Sendable {
    private static let head = """
        | cell | what breaks | seeds | messages | lost | duplicated | unconfirmed | most in 1 s (rate) | recovery | verdict |
        |---|---|---|---|---|---|---|---|---|---|

        """

    let results: [CellResult]

    /// Returns the document with the results in its table; without a table it is appended.
    func document(updating old: String?) -> String {
        let old = old ?? "# Reliability\n"
        let place = old.range(of: Self.head)
        let before = place.map { String(old[..<$0.lowerBound]) } ?? old + "\n"
        let after = place.map { old[$0.upperBound...] } ?? ""
        let rows = after.split(separator: "\n", omittingEmptySubsequences: false).prefix { $0.hasPrefix("|") }
        var lines: [String: String] = [:]
        for row in rows {
            let name = row.split(separator: "|").first.map { $0.trimmingCharacters(in: .whitespaces) }
            if let name { lines[name] = String(row) }
        }
        for (name, group) in Dictionary(grouping: results, by: \.cell) { lines[name] = Self.line(of: group) }
        let table = Cell.all.compactMap { lines[$0.name] }.map { $0 + "\n" }.joined()
        return before + Self.head + table + after.dropFirst(rows.reduce(0) { $0 + $1.count + 1 })
    }

    private static func line(of group: [CellResult]) -> String {
        let recovery = group.compactMap(\.recovery).max().map { String(format: "%.1f s", $0) } ?? "–"
        let rate = Cell.all.first { $0.name == group[0].cell }?.setup.ratePerSecond ?? 0
        let bad = group.filter { !$0.isGood }
        let columns = [
            group[0].cell, group[0].title, "\(group.count)", "\(sum(group, \.messages))", "\(sum(group, \.lost))",
            "\(sum(group, \.duplicated))", "\(sum(group, \.unconfirmed))",
            "\(group.map(\.peak).max() ?? 0) (\(rate))", recovery,
            verdict(bad.map(\.seed), isNoted: group.contains { !$0.notes.isEmpty }),
        ]
        return "| " + columns.joined(separator: " | ") + " |"
    }

    private static func verdict(_ bad: [UInt64], isNoted: Bool) -> String {
        guard bad.isEmpty else { return "**broken** by seed \(bad.map(String.init).joined(separator: ", "))" }
        return isNoted ? "holds; busy machine" : "holds"
    }

    private static func sum(_ group: [CellResult], _ value: (CellResult) -> Int) -> Int {
        group.reduce(0) { $0 + value($1) }
    }
}
