import ArgumentParser
import BenchKit
import Foundation

/// Measures two builds in alternating pairs, with the same load and the same receivers.
struct CompareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measure parts with this build and another in alternating pairs, and say which rows are worse."
    )

    @Argument(help: "Parts, as those of measure.")
    var parts: [String]

    @Option(help: "Folder with campaignd and reconcile of the other build.")
    var against: String

    @Option(help: "Number of pairs.")
    var pairs = 10

    @Flag(help: "One round of small sizes in each measurement.")
    var quick = false

    @Option(help: "Recipients of the biggest campaign of launch, deliver, memory, growth and scale.")
    var size: Int?

    func validate() throws {
        _ = try Part.chosen(parts)
        guard pairs >= 3 else { throw ValidationError("--pairs takes a number from 3: fewer have no quartiles") }
        guard size.map({ $0 >= 1_000 }) ?? true else { throw ValidationError("--size takes a number from 1000") }
        for program in ["campaignd", "reconcile"] {
            let path = URL(filePath: against).appending(path: program).path
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw ValidationError("no program \(path); --against takes a folder like .build/release")
            }
        }
    }

    func run() async throws {
        let servers = try await Servers.find()
        var others = servers
        others.programs = URL(filePath: against)
        let ours = BenchPlan(servers: servers, isQuick: quick, size: size)
        let former = BenchPlan(servers: others, isQuick: quick, size: size)
        var measured: [Comparison.Pair] = []
        for number in 1...pairs {
            var pair = Comparison.Pair()
            for part in try Part.chosen(parts) {
                // Each build is the first of every other pair, so that what changes with time hits both.
                if number % 2 == 1 {
                    pair.former += try await part.measure(former).rows
                    pair.ours += try await part.measure(ours).rows
                } else {
                    pair.ours += try await part.measure(ours).rows
                    pair.former += try await part.measure(former).rows
                }
            }
            measured.append(pair)
            ours.say("pair \(number) of \(pairs) is measured")
        }
        print(try Comparison(measured).text)
        try FileManager.default.removeItem(at: servers.folder)
    }
}
