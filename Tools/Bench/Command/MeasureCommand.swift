import ArgumentParser
import BenchKit
import Foundation

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure parts, print their table, and keep the numbers as JSON."
    )

    @Argument(
        help: "launch, deliver, pace, reconcile, http, webhook, memory, all of these: all; growth, senders, scale."
    )
    var parts: [String] = []

    @Flag(help: "One round of small sizes.")
    var quick = false

    @Option(help: "Recipients of the biggest campaign of launch, deliver, memory, growth and scale.")
    var size: Int?

    @Option(help: "File that keeps the numbers; parts that are not measured keep theirs.")
    var json = ".services/bench/results.json"

    @Option(help: "Markdown file to bring up to date between its markers; may be repeated.")
    var report: [String] = []

    func validate() throws {
        let unknown = parts.filter { $0 != "all" && Part(rawValue: $0) == nil }
        guard unknown.isEmpty else { throw ValidationError("no part `\(unknown[0])`; see --help") }
        guard !parts.isEmpty || !report.isEmpty else { throw ValidationError("name a part, or a --report to write") }
        guard size.map({ $0 >= 1_000 }) ?? true else { throw ValidationError("--size takes a number from 1000") }
    }

    func run() async throws {
        let file = URL(filePath: json)
        var chosen: [Part] = []
        for part in parts.flatMap({ $0 == "all" ? Part.all : Part(rawValue: $0).map { [$0] } ?? [] })
        where !chosen.contains(part) {
            chosen.append(part)
        }
        if !chosen.isEmpty { try await measure(chosen, into: file) }
        guard let results = try BenchReport.read(file) else {
            throw BenchError.file(path: json, problem: "nothing has been measured yet")
        }
        if !chosen.isEmpty { print(results.text(of: chosen.map(\.rawValue))) }
        for path in report { try write(results, into: path) }
    }

    private func measure(_ chosen: [Part], into file: URL) async throws {
        let servers = try await Servers.find()
        // The logs in it say why, should something fail.
        let plan = BenchPlan(servers: servers, isQuick: quick, size: size)
        let machine = Machine.current(servers: servers.descriptions)
        for part in chosen {
            let start = ContinuousClock.now
            let results: PartResults
            do {
                results = try await part.measure(plan)
            } catch {
                plan.say("\(part.rawValue) failed; logs are in \(servers.folder.path)")
                throw error
            }
            plan.say("\(part.rawValue): took \(Int((ContinuousClock.now - start).inSeconds)) s")
            var report = try BenchReport.read(file) ?? BenchReport(machine: machine)
            report.replace(
                part: part.rawValue,
                with: results,
                machine: machine,
                isQuick: quick,
                commit: ProcessInfo.processInfo.environment["BENCH_COMMIT"] ?? "unknown",
                at: Date()
            )
            report.sort(by: Part.allCases.map(\.rawValue))
            try report.write(file)
        }
        try FileManager.default.removeItem(at: servers.folder)
    }

    private func write(_ results: BenchReport, into path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw BenchError.file(path: path, problem: "cannot be read")
        }
        var document = MarkedDocument(text)
        guard try document.fill(results.section) > 0 else {
            throw BenchError.file(path: path, problem: "has no place like `<!-- bench machine -->` … `<!-- end -->`")
        }
        try document.text.write(toFile: path, atomically: true, encoding: .utf8)
    }
}
