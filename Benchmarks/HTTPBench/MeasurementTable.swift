import Foundation

/// What wrk measured, for people.
struct MeasurementTable {
    private struct Row: Decodable {
        let name: String
        let perSecond: Double
        let p50: Double
        let p99: Double
        let failed: Int
        /// What the database says was committed; missing where nothing is written.
        let committed: Int?
        let requests: Int
        let target: String
    }

    private let rows: [Row]

    init(contentsOf file: URL) throws {
        let text = try String(contentsOf: file, encoding: .utf8)
        rows = try text.split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
    }

    var text: String {
        let floor = rows.first { $0.name == "hello" }?.perSecond ?? 0
        var lines = ["what                 per s   of hello   p50 ms   p99 ms   requests  committed  failed  target"]
        for row in rows {
            let share = floor > 0 ? "\(Self.text(row.perSecond / floor, 2)) ×" : ""
            lines.append(
                row.name.padding(toLength: 16, withPad: " ", startingAt: 0)
                    + [
                        Self.text(row.perSecond, 0).leading(10), share.leading(11), Self.text(row.p50, 2).leading(9),
                        Self.text(row.p99, 2).leading(9), "\(row.requests)".leading(11),
                        (row.committed.map(String.init) ?? "–").leading(11), "\(row.failed)".leading(8),
                    ].joined() + "  " + row.target
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func text(_ number: Double, _ digits: Int) -> String {
        number.formatted(
            .number.precision(.fractionLength(digits)).grouping(.never).locale(Locale(identifier: "en_US"))
        )
    }
}

extension String {
    fileprivate func leading(_ width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}
