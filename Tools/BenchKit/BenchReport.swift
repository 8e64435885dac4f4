public import Foundation
import TestBed

/// All measurements of one machine, stored as one JSON file.
///
/// A new measurement of a part replaces the old one, so a long bench can be run in pieces.
public struct BenchReport: Codable, Sendable {
    public private(set) var machine: Machine
    public private(set) var rows: [ReportRow] = []
    public private(set) var curves: [Curve] = []

    public init(machine: Machine) {
        self.machine = machine
    }

    /// Reads a report; `nil` if the file does not exist.
    ///
    /// - Throws: ``BenchError/file(path:problem:)`` when it is no report.
    public static func read(_ file: URL) throws -> BenchReport? {
        guard let data = FileManager.default.contents(atPath: file.path) else { return nil }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        do {
            return try decoder.decode(BenchReport.self, from: data)
        } catch {
            throw BenchError.file(path: file.path, problem: "no report of this bench (\(error)); delete it")
        }
    }

    public func write(_ file: URL) throws {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try encoder.encode(self).write(to: file, options: .atomic)
    }

    /// Replaces the results of one part.
    public mutating func replace(
        part: String,
        with results: PartResults,
        machine: Machine,
        isQuick: Bool,
        commit: String,
        at now: Date
    ) {
        self.machine = machine
        let rows = results.rows.map { row in
            var row = row
            (row.isQuick, row.commit, row.measuredAt) = (isQuick, commit, now)
            return row
        }
        let curves = results.curves.map { curve in
            var curve = curve
            (curve.isQuick, curve.commit, curve.measuredAt) = (isQuick, commit, now)
            return curve
        }
        self.rows = self.rows.filter { $0.part != part } + rows
        self.curves = self.curves.filter { $0.part != part } + curves
    }

    /// Sorts the rows by part.
    public mutating func sort(by parts: [String]) {
        func place(_ part: String) -> Int { parts.firstIndex(of: part) ?? parts.count }
        let lines = rows.enumerated().sorted {
            (place($0.element.part), $0.offset) < (place($1.element.part), $1.offset)
        }
        rows = lines.map(\.element)
    }
}

/// Results of one part.
public struct PartResults: Sendable {
    public var rows: [ReportRow]
    public var curves: [Curve]

    public init(_ rows: [ReportRow] = [], curves: [Curve] = []) {
        self.rows = rows
        self.curves = curves
    }
}

extension BenchReport {
    /// Returns the tables for a terminal.
    ///
    /// - Parameter parts: The parts to show.
    /// - Returns: Lines of text.
    public func text(of parts: [String]) -> String {
        var sections: [String] = []
        let rows = rows.filter { parts.contains($0.part) }
        if !rows.isEmpty { sections.append(Self.table(rows).text) }
        for curve in curves where parts.contains(curve.part) { sections.append(Self.table([curve]).text) }
        return sections.joined(separator: "\n\n")
    }

    /// Returns the text between the markers of a document.
    ///
    /// `machine` describes the machine; `table:launch,deliver` holds the rows of these parts, `details:launch` their details,
    /// `capacity:deliver` the cost of one message, `curves:growth` the growth of costs.
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

    /// Returns one table for curves of the same sizes.
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

    /// Returns the cost of one unit and the rate that one core allows.
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
