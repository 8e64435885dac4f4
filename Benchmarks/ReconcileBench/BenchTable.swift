import Foundation

/// Results for people.
struct BenchTable {
    let results: [BenchResult]

    init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ReconcileBench.Problem.unreadable(file: path)
        }
        results = try data.split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(BenchResult.self, from: $0)
        }
    }

    var text: String {
        let head = ["specs", "files", "plan", "spread", "CPU", "memory", "libyaml", "2 cores", "ratio", "per 1,000"]
        let rows = results.map { result in
            [
                "\(result.specs)", "\(result.files)", "\(Self.text(result.planSeconds)) s",
                "\(Self.text(result.planFastest))–\(Self.text(result.planSlowest))",
                "\(Self.text(result.planCPUSeconds)) s", "\(Int(result.peakMegabytes.rounded())) MB",
                "\(Self.text(result.floorSeconds)) s", "\(Self.text(result.sharedFloorSeconds)) s",
                "\(Self.text(result.ratio)) ×",
                "\(Int((result.planSeconds / Double(result.specs) * 1e6).rounded())) ms",
            ]
        }
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        return ([head] + rows).map { row in
            row.enumerated().map { String(repeating: " ", count: widths[$0] - $1.count) + $1 }.joined(separator: "  ")
        }
        .joined(separator: "\n")
    }

    private static func text(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}
