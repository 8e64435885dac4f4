import ArgumentParser
import Foundation
import Synchronization

/// Injects faults while campaigns are sent, and judges the outcome of every message.
@main
struct Faults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract:
            "Break Postgres, Redis, the network, the receiver and the daemons, and check that no rule is broken.",
        discussion: """
            Starts its own servers on free loopback ports; they end with it. Exits with 1 if a rule was broken, and \
            names the seeds that broke it.
            """
    )

    @Flag(help: "Every cell.")
    var all = false

    @Flag(help: "The short selection that runs in CI.")
    var quick = false

    @Flag(help: "List the cells and exit.")
    var list = false

    @Option(help: "Only these cells, separated by commas, such as A1,B6.")
    var cell: String?

    @Option(help: "Number of seeds for each cell.")
    var seeds = 1

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "Run only this seed.")
    var replay: UInt64?

    @Option(help: "Number of cells that run at once, each with its own servers.")
    var jobs = 1

    @Option(help: "Markdown file whose table of results is updated.")
    var report: String?

    @Option(help: "Folder for the logs and ledgers of failing seeds.")
    var keep: String?

    @Option(help: "Folder of campaignd and reconcile. (default: the folder of this program)")
    var binaries: String?

    func validate() throws {
        guard (1...1_000).contains(seeds) else { throw ValidationError("--seeds takes a number from 1 to 1000.") }
        guard (1...16).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 16.") }
        let known = Set(Cell.all.map(\.name))
        let unknown = chosenNames.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            throw ValidationError("No cell \(unknown.joined(separator: ", ")); --list names all.")
        }
        guard list || all || quick || cell != nil else { throw ValidationError("Give --all, --quick or --cell.") }
    }

    func run() async throws {
        if list { return Cell.all.forEach { print("\($0.name)\t\($0.title)") } }
        let cells = Cell.all.filter { all || (quick && $0.isQuick) || chosenNames.contains($0.name) }
        let first = replay ?? seed
        let session = FaultSession(
            seeds: cells.flatMap { cell in (0..<UInt64(replay == nil ? seeds : 1)).map { (cell, first + $0) } },
            report: report,
            keep: keep.map { URL(filePath: $0) }
        )
        let own = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        let folder = binaries.map { URL(filePath: $0) } ?? own
        try await withThrowingDiscardingTaskGroup { group in
            for number in 1...jobs {
                group.addTask {
                    let machines = try await Machines.start(number, binaries: folder)
                    try await session.work(on: machines) { !$0.setup.runsAlone }
                    try await machines.stop()
                }
            }
        }
        if session.hasWaiting {
            let machines = try await Machines.start(jobs + 1, binaries: folder)
            try await session.work(on: machines) { _ in true }
            try await machines.stop()
        }
        let results = session.results
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
}

/// The seeds of one call, which several sets of servers run.
private final class FaultSession: Sendable {
    private let waiting: Mutex<[(cell: Cell, seed: UInt64)]>
    private let finished = Mutex<[CellResult]>([])
    private let report: String?
    private let keep: URL?

    init(seeds: [(cell: Cell, seed: UInt64)], report: String?, keep: URL?) {
        waiting = Mutex(seeds)
        self.report = report
        self.keep = keep
    }

    var hasWaiting: Bool { waiting.withLock { !$0.isEmpty } }

    var results: [CellResult] { finished.withLock { $0 } }

    /// Runs the waiting seeds of the cells that meet a condition, one after the other.
    func work(on machines: Machines, where isIncluded: @Sendable (Cell) -> Bool) async throws {
        while let (cell, seed) = next(where: isIncluded) {
            let result = await run(cell, seed: seed, on: machines)
            try finished.withLock { results in
                results.append(result)
                show(result)
                if let report { try write(results, to: report) }
            }
        }
    }

    private func next(where isIncluded: (Cell) -> Bool) -> (cell: Cell, seed: UInt64)? {
        waiting.withLock { waiting in
            waiting.firstIndex { isIncluded($0.cell) }.map { waiting.remove(at: $0) }
        }
    }

    private func run(_ cell: Cell, seed: UInt64, on machines: Machines) async -> CellResult {
        do {
            return try await CellRun(cell: cell, seed: seed, machines: machines, keep: keep).run()
        } catch {
            var result = CellResult(cell: cell.name, title: cell.title, seed: seed)
            result.violations.append("harness: \(error)")
            return result
        }
    }

    private func show(_ result: CellResult) {
        let recovery = result.recovery.map { String(format: "%.1f s", $0) } ?? "–"
        print(
            """
            \(result.isGood ? "holds " : "BROKEN") \(result.cell) seed \(result.seed)  \(result.title): \
            \(result.messages) messages, lost \(result.lost), duplicated \(result.duplicated), \
            unconfirmed \(result.unconfirmed), peak \(result.peak), recovery \(recovery), \(Int(result.seconds)) s
            """
        )
        for violation in result.violations { print("       \(violation)") }
        for note in result.notes { print("       note: \(note)") }
        fflush(nil)
    }

    private func write(_ results: [CellResult], to path: String) throws {
        let old = try? String(contentsOfFile: path, encoding: .utf8)
        let folder = URL(filePath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try ResultTable(results: results).document(updating: old)
            .write(toFile: path, atomically: true, encoding: .utf8)
    }
}
