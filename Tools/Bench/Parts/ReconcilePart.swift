import BenchKit
import Foundation

/// A plan in which nothing changed, beside libyaml alone reading the same files.
struct ReconcilePart: Sendable {
    let plan: BenchPlan

    /// Measurements of one size.
    struct Measurement: Sendable {
        let specs: Int
        let plans: [MeasuredProcess]
        /// libyaml alone, on one core and on all.
        let floors: [MeasuredProcess]
        let sharedFloors: [MeasuredProcess]
    }

    func measure() async throws -> PartResults {
        let measurement = try await measure(specs: 10_000, rounds: plan.pick(quick: 1, full: 5))
        let cpu = try Samples(measurement.plans.map(\.cpuSeconds)).median
        let shared = try Samples(measurement.sharedFloors.map(\.seconds)).median
        return PartResults([
            ReportRow(
                part: "reconcile",
                what: "plan of 10,000 specs, nothing changed",
                unit: .seconds,
                ours: try Samples(measurement.plans.map(\.seconds)),
                floor: .init(
                    "libyaml parsing the same files, on one core",
                    try Samples(measurement.floors.map(\.seconds))
                ),
                targets: [.value(.atMost, 1)],
                details: [
                    ("CPU of reconcile", ReportUnit.seconds.text(cpu)),
                    ("libyaml on 2 cores", ReportUnit.seconds.text(shared)),
                ]
            ),
            ReportRow(
                part: "reconcile",
                what: "memory of that plan",
                unit: .megabytes,
                ours: try Samples(measurement.plans.map(\.peakMegabytes)),
                targets: [.value(.atMost, 150)]
            ),
        ])
    }

    /// Applies generated specs once and then measures several plans.
    func measure(specs: Int, rounds: Int) async throws -> Measurement {
        let folder = plan.servers.folder.appending(path: "specs-\(specs)")
        try SpecGenerator(specs: specs).write(into: folder.path)
        return try await Stage.with("reconcile", on: plan.servers) { stage in
            try await stage.command("reconcile", folder.path, "--format", "json", "--json-into", "/dev/null")
            let own = plan.servers.path(of: "Bench")
            let reconcile = plan.servers.path(of: "reconcile")
            var (plans, floors, sharedFloors): ([MeasuredProcess], [MeasuredProcess], [MeasuredProcess]) = ([], [], [])
            for _ in 0..<rounds {
                floors.append(try await run([own, "libyaml", folder.path, "1"]))
                sharedFloors.append(try await run([own, "libyaml", folder.path, "2"]))
                // With changes, the command would exit with 2.
                let command = [reconcile, folder.path, "--dry-run", "--detailed-exitcode"]
                plans.append(try await run(command, environment: ["DATABASE_URL": stage.databaseURL]))
            }
            plan.say("reconcile: \(specs) specs in \(Effort.text(try Samples(plans.map(\.seconds)).median)) s")
            return Measurement(specs: specs, plans: plans, floors: floors, sharedFloors: sharedFloors)
        }
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> MeasuredProcess {
        let own = plan.servers.path(of: "Bench")
        let text = try await plan.servers.run(own, ["command"] + arguments, environment: environment)
        // A command that takes longer than a second prints its progress before the result.
        let last = text.split(separator: "\n").last ?? ""
        return try JSONDecoder().decode(MeasuredProcess.self, from: Data(last.utf8)).check()
    }
}
