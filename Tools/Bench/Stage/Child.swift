import BenchKit
import Foundation

/// A process that ends with the bench, whatever becomes of the bench.
final class Child: Sendable {
    let processID: Int32
    private let process: Process
    private let log: URL

    private init(_ process: Process, log: URL) {
        self.process = process
        self.log = log
        processID = process.processIdentifier
    }

    /// Starts a process whose output goes to a file.
    ///
    /// - Parameters:
    ///   - command: Its path.
    ///   - arguments: Its arguments.
    ///   - environment: Added to our own.
    ///   - log: Where its output goes; an older file is replaced.
    /// - Returns: The process, under way.
    /// - Throws: When it cannot be started.
    static func start(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        log: URL
    ) async throws -> Child {
        try await SpawningThread.shared.run {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
            let output = try FileHandle(forWritingTo: log)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/setpriv")
            process.arguments = ["--pdeathsig", "KILL", "--", command] + arguments
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = output
            try process.run()
            try output.close()
            return Child(process, log: log)
        }
    }

    /// Runs a command to its end and returns what it said.
    ///
    /// - Throws: ``BenchError/command(_:output:)`` when it fails.
    @discardableResult
    static func run(
        _ command: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        log: URL,
        within limit: Duration = .seconds(900)
    ) async throws -> String {
        let child = try await start(command, arguments, environment: environment, log: log)
        try await child.end(within: limit, poll: .milliseconds(2))
        guard child.process.terminationStatus == 0 else {
            throw BenchError.command(([command] + arguments).joined(separator: " "), output: child.output)
        }
        return child.output
    }

    /// What it has said so far.
    var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    var isRunning: Bool { process.isRunning }

    /// Asks it to end, and waits until it has.
    func stop(within limit: Duration = .seconds(50)) async throws {
        if process.isRunning { kill(processID, SIGTERM) }
        try await end(within: limit, poll: .milliseconds(10))
    }

    private func end(within limit: Duration, poll: Duration) async throws {
        do {
            try await wait(for: "the end of a process", within: limit, every: poll) { !self.process.isRunning }
        } catch {
            kill(processID, SIGKILL)
            throw error
        }
    }
}

/// Waits until a condition holds.
///
/// - Throws: ``BenchError/timeout(waitingFor:seconds:)``, and what the condition throws.
func wait(
    for what: String,
    within limit: Duration,
    every pause: Duration = .milliseconds(20),
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while try await !condition() {
        guard clock.now < end else {
            throw BenchError.timeout(waitingFor: what, seconds: Int(limit.components.seconds))
        }
        try await clock.sleep(for: pause)
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
