import ArgumentParser
import BenchKit
import Foundation
import NIOCore

/// Measures speed and memory; `Scripts/bench` builds it, starts servers and runs it.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure, and compare with a floor that is taken in the same run.",
        subcommands: [
            MeasureCommand.self, CompareCommand.self, ReceiverCommand.self, PostCommand.self, LibYAMLCommand.self,
            CommandCommand.self,
        ],
        defaultSubcommand: MeasureCommand.self
    )
}

/// The receiver as a process of its own.
struct ReceiverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receiver",
        abstract: "Accept messages, as fast as they come, and count them.",
        shouldDisplay: false
    )

    @Option var port: Int

    func run() async throws { try await Receiver().run(port: port) }
}

/// The floor of delivery as a process of its own.
struct PostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "post",
        abstract: "Post one body again and again, and print how long it took.",
        shouldDisplay: false
    )

    @Option var client = PostingLoop.Client.general
    @Option var url: String
    @Option var body: String
    @Option var connections: Int
    @Option var count: Int

    func run() async throws {
        guard let data = FileManager.default.contents(atPath: body) else {
            throw BenchError.file(path: body, problem: "cannot be read")
        }
        let body = ByteBuffer(bytes: data)
        let loop = PostingLoop(client: client, url: url, body: body, connections: connections, count: count)
        print(String(decoding: try JSONEncoder().encode(try await loop.run()), as: UTF8.self))
    }
}

extension PostingLoop.Client: ExpressibleByArgument {}

/// The floor of a plan as a process of its own.
struct LibYAMLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "libyaml",
        abstract: "Parse all files of a folder with libyaml alone.",
        shouldDisplay: false
    )

    @Argument var folder: String
    @Argument var cores: Int

    func run() throws { print(try LibYAMLFloor.events(below: folder, cores: cores)) }
}

/// Another command, measured by a process that uses little memory itself.
struct CommandCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "command",
        abstract: "Run a command, and print what it took.",
        shouldDisplay: false
    )

    @Argument(parsing: .captureForPassthrough) var words: [String]

    func run() throws {
        print(String(decoding: try JSONEncoder().encode(try MeasuredProcess.run(words)), as: UTF8.self))
    }
}

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure parts, print their table, and keep the numbers as JSON."
    )

    @Argument(
        help: """
            launch, deliver, pace, reconcile, http, hook, webhook, memory, all of these: all; growth, senders, scale.
            """
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
        _ = try Part.chosen(parts)
        guard !parts.isEmpty || !report.isEmpty else { throw ValidationError("name a part, or a --report to write") }
        guard size.map({ $0 >= 1_000 }) ?? true else { throw ValidationError("--size takes a number from 1000") }
    }

    func run() async throws {
        let file = URL(filePath: json)
        let chosen = try Part.chosen(parts)
        if !chosen.isEmpty { try await measure(chosen, into: file) }
        guard let results = try BenchReport.read(file) else {
            throw BenchError.file(path: json, problem: "nothing has been measured yet")
        }
        if !chosen.isEmpty { print(results.text(of: chosen.map(\.rawValue))) }
        for path in report { try write(results, into: path) }
    }

    private func measure(_ chosen: [Part], into file: URL) async throws {
        let servers = try await Servers.find()
        // After a failure the folder stays, because the logs in it show the reason.
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
