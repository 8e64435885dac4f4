import TestBed

/// Two builds that were measured in alternating pairs.
public struct Comparison: Sendable {
    /// The rows of both builds, measured one after the other.
    public struct Pair: Sendable {
        public var former: [ReportRow]
        public var ours: [ReportRow]

        public init(former: [ReportRow] = [], ours: [ReportRow] = []) {
            (self.former, self.ours) = (former, ours)
        }
    }

    /// The conclusion from the ratios of a row.
    public enum Verdict: String, Sendable {
        case worse, better
        /// The quartiles of the ratios include 1.
        case alike
    }

    /// One row of both builds.
    public struct Row: Sendable {
        public let what: String
        let unit: ReportUnit
        /// One value for each pair.
        let former: Samples
        let ours: Samples
        /// Ours by former, pair by pair.
        public let ratios: Samples
        /// True if a bigger number is better.
        let isMoreBetter: Bool

        /// Worse or better only if the quartiles of the ratios exclude 1.
        public var verdict: Verdict {
            let (low, high) = (ratios.quantile(0.25), ratios.quantile(0.75))
            if low <= 1, high >= 1 { return .alike }
            return (low > 1) == isMoreBetter ? .better : .worse
        }
    }

    /// The rows that both builds have in every pair.
    public let rows: [Row]

    /// Compares the medians of each pair.
    ///
    /// - Throws: ``BenchError/nothingMeasured`` if a value of the former build is zero.
    public init(_ pairs: [Pair]) throws(BenchError) {
        var rows: [Row] = []
        for row in pairs.first?.ours ?? [] {
            func values(_ rows: [[ReportRow]]) -> [Double] {
                rows.compactMap { $0.first { $0.part == row.part && $0.what == row.what }?.ours.median }
            }
            let (former, ours) = (values(pairs.map(\.former)), values(pairs.map(\.ours)))
            guard former.count == pairs.count, ours.count == pairs.count else { continue }
            let (before, now) = (try Samples(former), try Samples(ours))
            rows.append(
                Row(
                    what: row.what,
                    unit: row.unit,
                    former: before,
                    ours: now,
                    ratios: try now.ratios(to: before),
                    isMoreBetter: row.targets.first.map { $0.bound == .atLeast } ?? (row.unit == .perSecond)
                )
            )
        }
        self.rows = rows
    }

    /// A table for a terminal.
    public var text: String {
        TextTable(
            head: ["what", "before", "now", "ratio", "quartiles", "verdict"],
            rows: rows.map { row in
                let quartiles = [0.25, 0.75].map { Self.ratio(row.ratios.quantile($0)) }.joined(separator: "–")
                return [
                    row.what, row.unit.text(row.former.median), row.unit.text(row.ours.median),
                    Self.ratio(row.ratios.median), quartiles, row.verdict.rawValue,
                ]
            }
        )
        .text
    }

    private static func ratio(_ value: Double) -> String {
        let thousandths = Int((value * 1_000).rounded())
        let digits = String(thousandths % 1_000)
        return "\(thousandths / 1_000)." + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
