public import Foundation

/// Everything that was measured on one machine; one JSON file.
///
/// A part that is measured again replaces what it measured before, so a long bench can be taken in pieces.
public struct BenchReport: Codable, Sendable {
    public private(set) var machine: Machine
    public private(set) var rows: [ReportRow] = []
    public private(set) var curves: [Curve] = []

    public init(machine: Machine) {
        self.machine = machine
    }

    /// Reads a report; `nil` when there is no such file.
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

    /// Puts in what one part has measured, in the place of what it measured before.
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

    /// Brings the lines into the order of the parts.
    public mutating func sort(by parts: [String]) {
        func place(_ part: String) -> Int { parts.firstIndex(of: part) ?? parts.count }
        let lines = rows.enumerated().sorted {
            (place($0.element.part), $0.offset) < (place($1.element.part), $1.offset)
        }
        rows = lines.map(\.element)
    }
}

/// What one part of the bench has measured.
public struct PartResults: Sendable {
    public var rows: [ReportRow]
    public var curves: [Curve]

    public init(_ rows: [ReportRow] = [], curves: [Curve] = []) {
        self.rows = rows
        self.curves = curves
    }
}
