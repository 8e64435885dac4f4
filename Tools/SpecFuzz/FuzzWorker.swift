import Foundation
import Glibc

/// Tries one input after the other, and notes each before it is tried.
struct FuzzWorker {
    /// More than a file of the greatest size takes by far, and far less than gigabytes.
    private static let memory: rlim_t = 1 << 30

    let seed: UInt64
    /// The file that names the input that is being tried.
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
            // It stays in the page cache, whatever becomes of this process.
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

/// Why nothing could be tried.
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
