import Foundation

/// Rounds of the plan and of its floor, one after the other, so that a busy machine slows down both.
struct Measurement {
    let reconcile: String
    let folder: String
    let specs: Int
    let rounds: Int

    /// One line of JSON.
    func line() throws -> String {
        let own = CommandLine.arguments[0]
        var plans: [MeasuredProcess] = []
        var floors: [MeasuredProcess] = []
        var sharedFloors: [MeasuredProcess] = []
        for _ in 0..<rounds {
            floors.append(try MeasuredProcess.run([own, "floor", folder, "1"]).check())
            sharedFloors.append(try MeasuredProcess.run([own, "floor", folder, "2"]).check())
            // With changes, the command would exit with 2.
            let plan = [reconcile, folder, "--dry-run", "--detailed-exitcode"]
            plans.append(try MeasuredProcess.run(plan).check())
        }
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).count { $0.hasSuffix(".yaml") }
        let (plan, floor) = (Self.sorted(plans.map(\.seconds)), Self.sorted(floors.map(\.seconds)))
        let result = BenchResult(
            specs: specs,
            files: files,
            rounds: rounds,
            planSeconds: Self.median(plan),
            planFastest: plan[0],
            planSlowest: plan[plan.count - 1],
            planCPUSeconds: Self.median(Self.sorted(plans.map(\.cpuSeconds))),
            peakMegabytes: plans.map(\.peakMegabytes).max() ?? 0,
            floorSeconds: Self.median(floor),
            sharedFloorSeconds: Self.median(Self.sorted(sharedFloors.map(\.seconds))),
            ratio: Self.median(plan) / Self.median(floor)
        )
        return String(decoding: try JSONEncoder().encode(result), as: UTF8.self)
    }

    private static func sorted(_ values: [Double]) -> [Double] { values.sorted() }

    private static func median(_ sorted: [Double]) -> Double { sorted[sorted.count / 2] }
}

/// What one size took.
struct BenchResult: Codable {
    let specs: Int
    let files: Int
    let rounds: Int
    let planSeconds: Double
    let planFastest: Double
    let planSlowest: Double
    let planCPUSeconds: Double
    let peakMegabytes: Double
    /// libyaml alone, on one core.
    let floorSeconds: Double
    /// libyaml alone, on two cores.
    let sharedFloorSeconds: Double
    let ratio: Double
}
