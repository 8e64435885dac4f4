import ArgumentParser
import Foundation

/// Breaks things while campaigns are being sent, and judges what became of every message.
@main
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract:
            "Break Postgres, Redis, the network, the receiver and the daemons, and check that no promise is broken.",
        discussion: """
            Starts servers of its own on free loopback ports; all of them end with it. Exits with 1 when a rule was \
            broken, and names the seeds that broke it.
            """
    )

    @Flag(help: "Every cell.")
    var all = false

    @Flag(help: "The short selection that runs with every change.")
    var quick = false

    @Flag(help: "Name the cells and do nothing.")
    var list = false

    @Option(help: "Only these cells, separated by commas, such as A1,B6.")
    var cell: String?

    @Option(help: "How many seeds of each cell.")
    var seeds = 1

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "Only this seed, once.")
    var replay: UInt64?

    @Option(help: "Markdown file whose table is brought up to date.")
    var report: String?

    @Option(help: "Folder that gets the logs and ledgers of failing seeds.")
    var keep: String?

    @Option(help: "Folder of campaignd and reconcile. (default: that of this program)")
    var binaries: String?

    func validate() throws {
        guard (1...1_000).contains(seeds) else { throw ValidationError("--seeds takes a number from 1 to 1000.") }
        let known = Set(Cell.all.map(\.name))
        let unknown = chosenNames.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            throw ValidationError("No cell \(unknown.joined(separator: ", ")); --list names all.")
        }
        guard list || all || quick || cell != nil else { throw ValidationError("Give --all, --quick or --cell.") }
    }

    func run() async throws {
        let cells = Cell.all.filter { all || (quick && $0.isQuick) || chosenNames.contains($0.name) }
        if list { return Cell.all.forEach { print("\($0.name)\t\($0.title)") } }
        let own = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        let machines = try await Machines.start(binaries: binaries.map { URL(filePath: $0) } ?? own)
        let first = replay ?? seed
        var results: [CellResult] = []
        for cell in cells {
            for seed in first..<(first + UInt64(replay == nil ? seeds : 1)) {
                results.append(try await run(cell, seed: seed, on: machines))
            }
            if let report { try write(results, to: report) }
        }
        try await machines.stop()
        let bad = results.filter { !$0.isGood }
        print("\(results.count - bad.count) of \(results.count) hold.")
        guard bad.isEmpty else {
            for result in bad { print("again: Scripts/faults --cell \(result.cell) --replay \(result.seed)") }
            throw ExitCode.failure
        }
    }

    private var chosenNames: [String] {
        (cell ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private func run(_ cell: Cell, seed: UInt64, on machines: Machines) async throws -> CellResult {
        let keep = keep.map { URL(filePath: $0) }
        var result: CellResult
        do {
            result = try await CellRun(cell: cell, seed: seed, machines: machines, keep: keep).run()
        } catch {
            result = CellResult(cell: cell.name, title: cell.title, seed: seed)
            result.violations.append("harness: \(error)")
        }
        let recovery = result.recovery.map { String(format: "%.1f s", $0) } ?? "–"
        print(
            """
            \(result.isGood ? "holds " : "BROKEN") \(cell.name) seed \(seed)  \(cell.title): \(result.messages) messages, \
            lost \(result.lost), duplicated \(result.duplicated), unconfirmed \(result.unconfirmed), peak \(result.peak), \
            recovery \(recovery), \(Int(result.seconds)) s
            """
        )
        for violation in result.violations { print("       \(violation)") }
        for note in result.notes { print("       note: \(note)") }
        fflush(nil)
        return result
    }

    private func write(_ results: [CellResult], to path: String) throws {
        let old = try? String(contentsOfFile: path, encoding: .utf8)
        let folder = URL(filePath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try ResultTable(results: results).document(updating: old)
            .write(toFile: path, atomically: true, encoding: .utf8)
    }
}
