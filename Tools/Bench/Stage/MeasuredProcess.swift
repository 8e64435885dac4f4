import BenchKit
import Foundation

/// A command that ran to its end, with what the kernel says it took.
///
/// The kernel counts as the child's memory what its parent had when it was made, so small processes must make it.
struct MeasuredProcess: Codable, Sendable {
    let command: String
    let exitCode: Int32
    let seconds: Double
    /// User and system time of all threads.
    let cpuSeconds: Double
    let peakMegabytes: Double

    /// Runs a command; its standard output goes nowhere.
    ///
    /// - Parameters:
    ///   - arguments: Its path first.
    ///   - environment: Added to our own.
    /// - Returns: What it took.
    /// - Throws: ``BenchError`` when it cannot be started.
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
            throw BenchError.missing(arguments[0], remedy: "build it")
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
        guard exitCode == 0 else { throw BenchError.command(command, output: "exit code \(exitCode)") }
        return self
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }
}
