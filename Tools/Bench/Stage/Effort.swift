import BenchKit
import Foundation
import TestBed

/// Resources that a piece of work used, by process.
struct Effort: Sendable {
    /// CPU seconds by process name.
    private(set) var cpu: [(name: String, seconds: Double)]
    let walBytes: Double
    let transactions: Double
    let redisCommands: Double
    let seconds: Double

    /// Returns lines of text with the cost for each of `count` things.
    func details(per count: Int, of things: String) -> [(String, String)] {
        let scale = 10_000 / Double(count)
        var lines = cpu.map { name, seconds in
            (
                "CPU of \(name)",
                "\(Self.text(seconds * scale)) s per 10,000 \(things), \(Int((seconds / self.seconds * 100).rounded())) % of a core"
            )
        }
        lines.append(("write-ahead log", "\(Int(walBytes / Double(count))) bytes of each of the \(things)"))
        lines.append(("transactions", "\(Self.text(transactions / Double(count) * 1_000)) for 1,000 \(things)"))
        if redisCommands > 0 {
            lines.append(("Redis commands", "\(Self.text(redisCommands / Double(count) * 1_000)) for 1,000 \(things)"))
        }
        return lines
    }

    /// Returns the same as numbers.
    func costs(per count: Int) -> [Cost] {
        cpu.map { Cost(.cpu(process: $0.name), $0.seconds / Double(count)) } + [
            Cost(.writeAheadLog, walBytes / Double(count)),
            Cost(.transactions, transactions / Double(count)),
            Cost(.redisCommands, redisCommands / Double(count)),
        ]
    }

    static func text(_ value: Double) -> String { String(format: "%.2f", value) }
}

/// Counters at one instant; the difference of two is an ``Effort``.
struct EffortMark: Sendable {
    let cpu: [(name: String, seconds: Double)]
    let walBytes: Double
    let transactions: Double
    let redisCommands: Double
    let instant: ContinuousClock.Instant

    static func - (later: EffortMark, earlier: EffortMark) -> Effort {
        Effort(
            cpu: zip(later.cpu, earlier.cpu).map { ($0.name, $0.seconds - $1.seconds) },
            walBytes: later.walBytes - earlier.walBytes,
            transactions: later.transactions - earlier.transactions,
            redisCommands: later.redisCommands - earlier.redisCommands,
            seconds: (later.instant - earlier.instant).inSeconds
        )
    }
}

/// Resources of a command that ran to its end, as reported by the kernel.
///
/// The kernel adds the parent's memory at the fork to the child's peak, so the parent must be small.
struct MeasuredProcess: Codable, Sendable {
    let command: String
    let exitCode: Int32
    let seconds: Double
    /// User and system time of all threads.
    let cpuSeconds: Double
    let peakMegabytes: Double

    /// Runs a command and discards its standard output.
    ///
    /// - Parameters:
    ///   - arguments: The path and the arguments.
    ///   - environment: Variables beside those of this process.
    /// - Returns: Its resources.
    /// - Throws: `TestBedError` when it cannot be started.
    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> MeasuredProcess {
        var words = arguments.map { strdup($0) } + [nil]
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var variables = all.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        var pid = pid_t()
        let start = ContinuousClock.now
        guard posix_spawn(&pid, arguments[0], &actions, nil, &words, &variables) == 0 else {
            throw TestBedError.missing(arguments[0], remedy: "build it")
        }
        var status: Int32 = 0
        var usage = rusage()
        while wait4(pid, &status, 0, &usage) == -1, errno == EINTR {}
        return MeasuredProcess(
            command: arguments.joined(separator: " "),
            exitCode: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F,
            seconds: (ContinuousClock.now - start).inSeconds,
            cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peakMegabytes: Double(usage.ru_maxrss) / 1_024
        )
    }

    /// Fails unless the command succeeded.
    func check() throws -> MeasuredProcess {
        guard exitCode == 0 else { throw TestBedError.command(command, output: "exit code \(exitCode)") }
        return self
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}
