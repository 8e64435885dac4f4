import Foundation

extension BenchReport {
    /// The table for a terminal.
    ///
    /// - Parameter parts: Only what these have measured.
    /// - Returns: Lines of text.
    public func text(of parts: [String]) -> String {
        var sections: [String] = []
        let rows = rows.filter { parts.contains($0.part) }
        if !rows.isEmpty { sections.append(Self.table(rows).text) }
        for curve in curves where parts.contains(curve.part) { sections.append(Self.table([curve]).text) }
        return sections.joined(separator: "\n\n")
    }

    /// What stands between the markers of a document, by their name.
    ///
    /// `machine` is the machine; `table:launch,deliver` the lines that these parts have measured; `details:launch` what is to be
    /// known besides; `capacity:deliver` what one message takes; `curves:growth` how costs grow.
    public func section(_ name: String) -> String? {
        let words = name.split(separator: ":", maxSplits: 1).map(String.init)
        let parts = words.count > 1 ? words[1].split(separator: ",").map(String.init) : []
        let rows = rows.filter { parts.contains($0.part) }
        let curves = curves.filter { parts.contains($0.part) }
        switch words[0] {
        case "machine": return machine.sentence + "."
        case "table" where !rows.isEmpty: return Self.table(rows).markdown + Self.origin(rows)
        case "details" where !rows.isEmpty: return Self.details(rows)
        case "capacity" where !rows.isEmpty: return rows.first.map(Self.capacity)
        case "curves" where !curves.isEmpty: return Self.markdown(curves)
        default: return nil
        }
    }

    private static func table(_ rows: [ReportRow]) -> TextTable {
        TextTable(
            head: ["what", "ours", "spread", "floor", "ratio", "target", "verdict"],
            rows: rows.map { row in
                [
                    row.what, row.unit.text(row.ours.median),
                    spread(of: row.ours, in: row.unit),
                    row.floor.map { row.unit.text($0.samples.median) } ?? "–",
                    row.ratio.map { ReportUnit.number($0) + " ×" } ?? "–", row.targetText,
                    row.verdict,
                ]
            }
        )
    }

    private static func spread(of samples: Samples, in unit: ReportUnit) -> String {
        samples.values.count > 1
            ? "\(ReportUnit.number(samples.minimum))–\(ReportUnit.number(samples.maximum))" : "one round"
    }

    private static func table(_ curves: [Curve]) -> TextTable {
        TextTable(
            head: ["what"] + (curves.first?.points.map(\.size) ?? []) + ["last by first", "verdict"],
            rows: curves.map { curve in
                [curve.what] + curve.points.map { curve.unit.text($0.samples.median) }
                    + [ReportUnit.number(curve.growth) + " ×", curve.verdict]
            }
        )
    }

    private static func details(_ rows: [ReportRow]) -> String {
        rows.filter { !$0.details.isEmpty || $0.floor != nil }.map { row in
            var lines = ["**\(row.what)**", ""]
            if let floor = row.floor {
                let spread = spread(of: floor.samples, in: row.unit)
                lines.append("- floor: \(floor.what), \(row.unit.text(floor.samples.median)) (\(spread))")
            }
            lines += row.details.map { "- \($0.name): \($0.value)" }
            return lines.joined(separator: "\n")
        }
        .joined(separator: "\n\n")
    }

    /// One table for curves of the same sizes.
    private static func markdown(_ curves: [Curve]) -> String {
        var groups: [[Curve]] = []
        for curve in curves {
            if let last = groups.last?.first, last.points.map(\.size) == curve.points.map(\.size) {
                groups[groups.count - 1].append(curve)
            } else {
                groups.append([curve])
            }
        }
        let notes = curves.compactMap { curve in curve.note.map { "- \(curve.what): \($0)" } }
        return groups.map { table($0).markdown }.joined(separator: "\n\n")
            + (notes.isEmpty ? "" : "\n\n" + notes.joined(separator: "\n"))
    }

    /// What a core and a disk carry, if nothing else is in the way.
    private static func capacity(of row: ReportRow) -> String {
        let rows = row.costs.map { cost -> [String] in
            switch cost.resource {
            case .cpu(let process):
                [
                    "CPU of \(process)", ReportUnit.microseconds.text(cost.amount * 1e6),
                    cost.amount > 0 ? "\(ReportUnit.count.text((1 / cost.amount).rounded()))/s with one core" : "–",
                ]
            case .writeAheadLog:
                [
                    "write-ahead log", "\(ReportUnit.count.text(cost.amount.rounded())) bytes",
                    "\(ReportUnit.megabytes.text(cost.amount * 10_000 / 1_048_576))/s at 10,000/s",
                ]
            case .transactions:
                [
                    "transactions", ReportUnit.number(cost.amount),
                    "\(ReportUnit.count.text((cost.amount * 10_000).rounded()))/s at 10,000/s",
                ]
            case .redisCommands:
                [
                    "Redis commands", ReportUnit.number(cost.amount),
                    "\(ReportUnit.count.text((cost.amount * 10_000).rounded()))/s at 10,000/s",
                ]
            }
        }
        return TextTable(head: ["resource", "one takes", "that is"], rows: rows).markdown
    }

    private static func origin(_ rows: [ReportRow]) -> String {
        let days = rows.map { $0.measuredAt.formatted(.iso8601.year().month().day()) }
        let commits = Set(rows.map(\.commit)).sorted().joined(separator: ", ")
        let quick = rows.contains(where: \.isQuick) ? "; lines of a quick run are among them" : ""
        return "\n\nMeasured \(days.max() ?? "") at commit \(commits)\(quick)."
    }
}
