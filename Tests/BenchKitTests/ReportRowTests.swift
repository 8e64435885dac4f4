import BenchKit
import Foundation
import Testing

struct ReportRowTests {
    @Test func aRatioIsTakenRoundByRound() throws {
        // A machine that was twice as slow in the second round slows down both.
        let row = try row(ours: [10, 20, 11], floor: [8, 16, 10], targets: [.ratio(.atMost, 1.3)])
        #expect(row.ratio == 1.25)
        #expect(row.isReached == true)
    }

    @Test func allTargetsMustBeReached() throws {
        let targets: [Target] = [.value(.atLeast, 7_500), .ratio(.atLeast, 0.5)]
        #expect(try row(ours: [8_000], floor: [15_000], targets: targets).isReached == true)
        #expect(try row(ours: [8_000], floor: [17_000], targets: targets).isReached == false)
        #expect(try row(ours: [7_000], floor: [10_000], targets: targets).isReached == false)
        #expect(try row(ours: [7_000], floor: [10_000], targets: []).isReached == nil)
    }

    @Test func theMedianOfTheRoundsCounts() throws {
        #expect(try Samples([3, 1, 2]).median == 2)
        #expect(try Samples([4, 1, 2, 3]).median == 2.5)
        #expect(throws: BenchError.nothingMeasured) { try Samples([]) }
        #expect(throws: BenchError.nothingMeasured) { try Samples([1, .infinity]) }
    }

    @Test func curveIsFlatIfNoSizeCostsMoreThanTheFirst() throws {
        func curve(_ values: Double...) throws -> Curve {
            let points = try values.map { Curve.Point("\($0)", try Samples([$0])) }
            return Curve(part: "growth", what: "launch", unit: .microseconds, points: points)
        }
        #expect(try curve(10, 11.9, 8).isFlat == true)
        #expect(try curve(10, 12.1, 8).isFlat == false)
        #expect(try curve(10, 8).growth == 0.8)
    }

    @Test(arguments: [
        (7_512.4, "7,512/s"), (0.5, "0.50/s"), (1_000_000, "1,000,000/s"), (12.34, "12.3/s"), (0, "0/s"),
        (0.0123, "0.012/s"), (-1.26, "-1.26/s"), (99.96, "100.0/s"),
    ])
    func numbersAreShort(_ value: Double, _ text: String) {
        #expect(ReportUnit.perSecond.text(value) == text)
    }

    @Test func aPartThatIsMeasuredAgainReplacesItself() throws {
        var report = BenchReport(machine: .current(servers: []))
        let (first, second) = (try row(ours: [1], floor: [1]), try row(ours: [2], floor: [1]))
        for result in [first, second] {
            report.replace(
                part: "deliver",
                with: PartResults([result]),
                machine: report.machine,
                isQuick: false,
                commit: "abc",
                at: Date(timeIntervalSince1970: 0)
            )
        }
        #expect(report.rows.map(\.ours) == [second.ours])
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json")
        try report.write(file)
        #expect(try BenchReport.read(file)?.rows == report.rows)
        try FileManager.default.removeItem(at: file)
        #expect(try BenchReport.read(file) == nil)
    }

    private func row(ours: [Double], floor: [Double], targets: [Target] = []) throws -> ReportRow {
        ReportRow(
            part: "deliver",
            what: "delivery",
            unit: .perSecond,
            ours: try Samples(ours),
            floor: .init("a loop", try Samples(floor)),
            targets: targets
        )
    }
}
