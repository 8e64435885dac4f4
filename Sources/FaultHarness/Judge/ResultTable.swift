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

        - *Lost*: has no end, or counts as sent and never arrived.
        - *Duplicated*: was accepted twice by the receiver.
        - *Unconfirmed*: its daemon died, or its answer was lost, before anybody could know whether it had gone out. None of
          these reached the receiver (those that did were settled by its reports); they are not sent again by themselves.
        - *Most in 1 s*: requests in the busiest second of any sender, as the receiver wrote them down; more than the rate holds
          only when the machine stood still for as long as that takes at that moment.
        - *Recovery*: from healing to the next accepted message, the longest of all seeds.
        - *Busy machine*: others wanted the processors for more than 40 % of the time, and the pace was therefore not judged
          to the last tenth.

        | cell | what breaks | seeds | messages | lost | duplicated | unconfirmed | most in 1 s (rate) | recovery | verdict |
        |---|---|---|---|---|---|---|---|---|---|

        """
    private static let foot = """

        A cell holds when, besides, the counters of all runs equal their rows, nobody had more than three attempts or one
        sooner than after 27 seconds, a sender kept silent for the minute after a rate limit, Redis held no id and no lease at
        the end, progress came within 40 seconds, and the daemons' memory and sockets went back to where they were.

        Not tried: full disks, a failover to a standby that lags (it forgets commits, and with them what was sent: standbys
        must be synchronous), and Redis further away than 20 ms (slots are void by then, and nothing is sent).

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
