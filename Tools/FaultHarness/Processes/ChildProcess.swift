import Foundation

/// A process that dies with the harness, whatever becomes of the harness.
final class ChildProcess: Sendable {
    let processID: Int32
    private let process: Process

    private init(_ process: Process) {
        self.process = process
        processID = process.processIdentifier
    }

    /// Starts a process whose output goes to a file.
    ///
    /// - Parameters:
    ///   - command: Found in the path when it has no slash.
    ///   - arguments: Its arguments.
    ///   - environment: Its whole environment.
    ///   - user: Whom to run it as, when we are root.
    ///   - log: Where its output is appended.
    /// - Returns: The process, under way.
    /// - Throws: When it cannot be started.
    static func start(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        as user: String? = nil,
        log: URL
    ) async throws -> ChildProcess {
        try await SpawningThread.shared.run {
            try spawn(command, arguments, environment: environment, as: user, log: log)
        }
    }

    private static func spawn(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        as user: String?,
        log: URL
    ) throws -> ChildProcess {
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        }
        let output = try FileHandle(forWritingTo: log)
        try output.seekToEnd()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/setpriv")
        var prefix = ["--pdeathsig", "KILL"]
        if let user, geteuid() == 0 { prefix += ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"] }
        process.arguments = prefix + ["--", command] + arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try output.close()
        return ChildProcess(process)
    }

    /// Runs a command to its end and returns what it said.
    ///
    /// - Throws: ``HarnessError`` when it fails or takes longer than two minutes.
    @discardableResult
    static func run(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        as user: String? = nil,
        log: URL
    ) async throws -> String {
        try? FileManager.default.removeItem(at: log)  // There is none at first.
        let child = try await start(command, arguments, environment: environment, as: user, log: log)
        try await child.end(within: .seconds(120))
        let output = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        guard child.process.terminationStatus == 0 else {
            throw HarnessError.command(([command] + arguments).joined(separator: " "), output: output)
        }
        return output
    }

    var isRunning: Bool { process.isRunning }

    func signal(_ signal: Int32) {
        if process.isRunning { kill(processID, signal) }
    }

    /// Waits until the process is gone.
    func end(within limit: Duration) async throws {
        try await wait(for: "the end of process \(processID)", within: limit, every: .milliseconds(20)) {
            !self.process.isRunning
        }
    }
}
