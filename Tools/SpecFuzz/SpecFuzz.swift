import Foundation
import Spec

/// Feeds mutated specs and filters to the loader for a bounded time, in a process of its own whose memory is bounded.
///
/// ```console
/// $ FUZZ_SECONDS=20 swift run SpecFuzz
/// $ FUZZ_SEED=1234 FUZZ_ROUND=567 swift run SpecFuzz    # one input again, which is also written to a file
/// ```
///
/// An input that crashes, hangs, takes gigabytes or breaks a promise ends it with 1, its seed, and its round.
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

    /// Shows one input, and what it does.
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
