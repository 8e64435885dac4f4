import BenchKit
import Testing

struct ComparisonTests {
    private static func row(_ value: Double, unit: ReportUnit, targets: [Target] = []) throws -> ReportRow {
        ReportRow(part: "hook", what: "hook", unit: unit, ours: try Samples([value]), targets: targets)
    }

    private static func verdict(
        _ ratios: [Double],
        unit: ReportUnit = .perSecond,
        targets: [Target] = []
    ) throws -> Comparison.Verdict? {
        let pairs = try ratios.map { ratio in
            Comparison.Pair(
                former: [try row(2_000, unit: unit, targets: targets)],
                ours: [try row(2_000 * ratio, unit: unit, targets: targets)]
            )
        }
        return try Comparison(pairs).rows.first?.verdict
    }

    @Test func aRowIsWorseOnlyIfTheQuartilesExcludeOne() throws {
        #expect(try Self.verdict([0.7, 0.9, 0.95, 0.99, 1.2]) == .worse)
        #expect(try Self.verdict([0.7, 0.9, 0.95, 1.01, 1.2]) == .alike)
        #expect(try Self.verdict([1, 1, 1]) == .alike)
        #expect(try Self.verdict([1.1, 1.2, 0.5, 1.1, 1.3]) == .better)
    }

    @Test func moreIsBetterForRatesAndTargetsThatSaySo() throws {
        #expect(try Self.verdict([1.2, 1.2, 1.2], unit: .milliseconds) == .worse)
        #expect(try Self.verdict([0.8, 0.8, 0.8], unit: .megabytes) == .better)
        #expect(try Self.verdict([1.2, 1.2, 1.2], unit: .percent, targets: [.value(.atLeast, 90)]) == .better)
    }

    @Test func rowsThatOneBuildLacksAreLeftOut() throws {
        let pairs = [
            Comparison.Pair(former: [], ours: [try Self.row(1, unit: .seconds)]),
            Comparison.Pair(former: [], ours: [try Self.row(1, unit: .seconds)]),
        ]
        #expect(try Comparison(pairs).rows.isEmpty)
    }

    @Test func quartilesLieBetweenTheValues() throws {
        let samples = try Samples([4, 1, 3, 2])
        #expect(samples.quantile(0) == 1 && samples.quantile(0.25) == 1.75 && samples.quantile(0.5) == 2.5)
        #expect(samples.quantile(0.75) == 3.25 && samples.quantile(1) == 4)
    }

    @Test func theTableShowsTheMedianOfTheRatios() throws {
        let pairs = try [1_000.0, 2_000, 4_000].map { former in
            Comparison.Pair(
                former: [try Self.row(former, unit: .perSecond)],
                ours: [try Self.row(former * 1.05, unit: .perSecond)]
            )
        }
        let lines = try Comparison(pairs).text.split(separator: "\n").map { line in
            line.split(separator: " ").joined(separator: " ")
        }
        #expect(lines == ["what before now ratio quartiles verdict", "hook 2,000/s 2,100/s 1.050 1.050–1.050 better"])
    }
}
