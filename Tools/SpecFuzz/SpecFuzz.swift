import Foundation
import Glibc
import Spec

/// Feeds mutated specs and filters to the loader for a limited time, in a child process with limited memory.
///
/// ```console
/// $ FUZZ_SECONDS=20 swift run SpecFuzz
/// $ FUZZ_SEED=1234 FUZZ_ROUND=567 swift run SpecFuzz    # one input again, which is also written to a file
/// ```
///
/// Exits with 1 and prints seed and round when an input crashes, hangs, needs gigabytes or breaks a rule.
@main
enum SpecFuzz {
    private static let defaultSeconds = 20

    static func main() throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["FUZZ_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...UInt64(UInt32.max))
        let seconds = environment["FUZZ_SECONDS"].flatMap(Int.init) ?? defaultSeconds
        if let round = environment["FUZZ_ROUND"].flatMap(UInt64.init) {
            return try again(seed: seed, round: round)
        }
        if let progress = environment["FUZZ_PROGRESS"] {
            return try FuzzWorker(seed: seed, progress: progress).run(seconds: seconds)
        }
        try FuzzSupervisor(seed: seed, seconds: seconds).run()
    }

    /// Writes one input to a file and checks it.
    private static func again(seed: UInt64, round: UInt64) throws {
        let input = FuzzInput(seed: seed, round: round)
        let file = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(seed)-\(round).yaml")
        try Data(input.bytes).write(to: file)
        print("input: \(file.path)")
        if let problem = input.problem() {
            print("problem: \(problem)")
            exit(1)
        }
        print("no problem")
    }
}

/// Runs a worker and reports the input that ended it.
struct FuzzSupervisor {
    /// Maximum time for one input, in seconds.
    private static let patience = 20.0

    let seed: UInt64
    let seconds: Int

    func run() throws {
        let progress = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: progress) }  // A leftover in the temporary folder does no harm.
        print("seed \(seed), \(seconds) s")
        let worker = Process()
        worker.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        var environment = ProcessInfo.processInfo.environment
        environment["FUZZ_SEED"] = String(seed)
        environment["FUZZ_SECONDS"] = String(seconds)
        environment["FUZZ_PROGRESS"] = progress.path
        worker.environment = environment
        try worker.run()
        let isHanging = watch(worker, progress)
        worker.waitUntilExit()
        guard isHanging || worker.terminationReason != .exit || worker.terminationStatus != 0 else { return }
        let round = Self.round(progress)
        print(isHanging ? "problem: an input takes longer than \(Int(Self.patience)) s" : "problem: the worker ended")
        print("again: FUZZ_SEED=\(seed) FUZZ_ROUND=\(round) swift run SpecFuzz")
        print("input: \(Data(FuzzInput(seed: seed, round: round).bytes).base64EncodedString())")
        exit(1)
    }

    /// Waits for the end of the worker, and kills it when one input takes too long.
    private func watch(_ worker: Process, _ progress: URL) -> Bool {
        var (round, since) = (UInt64(0), Date())
        while worker.isRunning {
            Thread.sleep(forTimeInterval: 0.1)
            let current = Self.round(progress)
            if current != round { (round, since) = (current, Date()) }
            guard Date().timeIntervalSince(since) > Self.patience else { continue }
            kill(worker.processIdentifier, SIGKILL)
            return true
        }
        return false
    }

    private static func round(_ progress: URL) -> UInt64 {
        // The file appears with the first input.
        guard let data = try? Data(contentsOf: progress), data.count == 8 else { return 0 }
        return data.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
    }
}

/// Checks inputs one after the other, and records each before it is checked.
struct FuzzWorker {
    /// The memory limit in bytes: far more than the largest file needs.
    private static let memory: rlim_t = 1 << 30

    let seed: UInt64
    /// File that records the current input.
    let progress: String

    func run(seconds: Int) throws {
        var limit = rlimit(rlim_cur: Self.memory, rlim_max: Self.memory)
        guard setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else { throw FuzzError.noLimit(errno) }
        let file = open(progress, O_WRONLY | O_CREAT, 0o600)
        guard file >= 0 else { throw FuzzError.noProgress(errno) }
        defer { close(file) }
        let end = ContinuousClock.now + .seconds(seconds)
        var round: UInt64 = 0
        while ContinuousClock.now < end {
            round += 1
            var note = round
            // The page cache keeps it, also when this process crashes.
            guard pwrite(file, &note, MemoryLayout<UInt64>.size, 0) == MemoryLayout<UInt64>.size else {
                throw FuzzError.noProgress(errno)
            }
            guard let problem = FuzzInput(seed: seed, round: round).problem() else { continue }
            print("problem: \(problem)")
            exit(1)
        }
        print("\(round) inputs in \(seconds) s, seed \(seed): no problem")
    }
}

/// A failure of the fuzzer itself.
enum FuzzError: Error, CustomStringConvertible {
    case noLimit(Int32)
    case noProgress(Int32)

    var description: String {
        switch self {
        case .noLimit(let code): "memory cannot be limited: error \(code)"
        case .noProgress(let code): "the input that is tried cannot be noted: error \(code)"
        }
    }
}
