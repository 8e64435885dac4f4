import Foundation

/// The table of results, as it stands in the documentation.
///
/// Cells that were not run keep their line.
struct ResultTable: Sendable {
    private static let head = """
        # Reliability

        What happens to messages when things break, tried for real: `Scripts/faults` starts Postgres, Redis, two daemons and
        a receiver behind proxies of its own, breaks something while two campaigns are being sent, heals it, waits for the
        end, and judges from the receiver's ledger, Postgres and Redis. This table is written by it.

        A message is *lost* when it has no end, or counts as sent and never arrived; *duplicated* when the receiver accepted
        it twice; *unconfirmed* when its daemon died, or its answer was lost, before anybody could know: it is not sent
        again. *Busy machine* says that others took more than 40 % of the time of the processors, and that the pace was
        therefore not judged to the last tenth. *Most in 1 s* is the busiest second of any sender at the receiver. *Recovery* is the time from healing to the
        next accepted message, the longest of all seeds.

        | cell | what breaks | seeds | messages | lost | duplicated | unconfirmed | most in 1 s (rate) | recovery | verdict |
        |---|---|---|---|---|---|---|---|---|---|

        """
    private static let foot = """

        `Scripts/faults --cell A6 --replay 3` runs one seed again. The same seed makes the same decisions; where a message is
        at that moment is up to the machine, so a failing seed may need a few runs to fail again.

        """

    let results: [CellResult]

    /// The document, with the lines of other cells taken from the one that is there.
    func document(updating old: String?) -> String {
        var lines: [String: String] = [:]
        for line in (old ?? "").split(separator: "\n") where line.hasPrefix("| ") {
            let name = line.split(separator: "|").first.map { $0.trimmingCharacters(in: .whitespaces) }
            if let name { lines[name] = String(line) }
        }
        for (name, group) in Dictionary(grouping: results, by: \.cell) { lines[name] = Self.line(of: group) }
        return Self.head + Cell.all.compactMap { lines[$0.name] }.joined(separator: "\n") + "\n" + Self.foot
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
