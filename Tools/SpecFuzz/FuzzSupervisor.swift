import Foundation

/// Runs a worker, and tells which input ended it.
struct FuzzSupervisor {
    /// How long one input may take.
    private static let patience = 20.0

    let seed: UInt64
    let seconds: Int

    func run() throws {
        let progress = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: progress) }  // A leftover in the temporary folder harms nobody.
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

    /// Waits for the end of the worker, or ends it when it stays at one input for too long.
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
        // Before the first input there is no file.
        guard let data = try? Data(contentsOf: progress), data.count == 8 else { return 0 }
        return data.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
    }
}
