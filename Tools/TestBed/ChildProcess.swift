public import Foundation
import Synchronization

/// A process that ends with its parent, also when the parent is killed.
public final class ChildProcess: Sendable {
    /// Destination of the standard output and the standard error.
    public enum Output: Sendable {
        /// Both go to the end of one file.
        case log(URL)
        /// Each is kept until the process object is released.
        case captured
    }

    /// Exit code and output of a process that has ended.
    public struct Outcome: Sendable {
        public let exitCode: Int32
        public let output: String
        public let errors: String
    }

    public let processID: Int32
    private let process: Process
    private let outputs: FileHandle
    private let errorOutputs: FileHandle
    private let line: String

    private init(_ process: Process, outputs: FileHandle, errors: FileHandle, line: String) {
        self.process = process
        self.outputs = outputs
        errorOutputs = errors
        self.line = line
        processID = process.processIdentifier
    }

    /// Starts a process.
    ///
    /// - Parameters:
    ///   - command: Its path, or a name that is looked up in `PATH`.
    ///   - arguments: Its arguments.
    ///   - environment: Its whole environment.
    ///   - user: The user that runs it, if this process belongs to root.
    ///   - folder: Its working directory.
    ///   - output: Destination of its output.
    /// - Returns: The running process; a command that cannot be executed ends with code 127 or 126.
    /// - Throws: An error when the output cannot be opened or `setpriv` is missing.
    public static func start(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        as user: String? = nil,
        in folder: URL? = nil,
        output: Output
    ) async throws -> ChildProcess {
        try await SpawningThread.shared.run {
            let (outputs, errors) = try open(output)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/setpriv")
            var prefix = ["--pdeathsig", "KILL"]
            if let user, geteuid() == 0 { prefix += ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"] }
            process.arguments = prefix + ["--", command] + arguments
            process.environment = environment
            process.currentDirectoryURL = folder
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = outputs
            process.standardError = errors
            try process.run()
            let line = ([command] + arguments).joined(separator: " ")
            return ChildProcess(process, outputs: outputs, errors: errors, line: line)
        }
    }

    /// Runs a command to its end and returns its output.
    ///
    /// - Throws: ``TestBedError`` when it fails or takes longer than `limit`.
    @discardableResult
    public static func run(
        _ command: String,
        _ arguments: [String],
        environment: [String: String],
        as user: String? = nil,
        within limit: Duration = .seconds(120)
    ) async throws -> String {
        let child = try await start(command, arguments, environment: environment, as: user, output: .captured)
        let outcome = try await child.outcome(within: limit)
        guard outcome.exitCode == 0 else {
            throw TestBedError.command(child.line, output: outcome.output + outcome.errors)
        }
        return outcome.output
    }

    public var isRunning: Bool { process.isRunning }

    /// The standard output so far; with a log, all that the log holds.
    public var output: String { Self.text(of: outputs) }

    /// The standard error so far; with a log, all that the log holds.
    public var errors: String { Self.text(of: errorOutputs) }

    /// Sends a signal, unless the process has ended.
    public func signal(_ signal: Int32) {
        if process.isRunning { kill(processID, signal) }
    }

    /// Waits until the process has ended; kills it when that takes longer than `limit`.
    ///
    /// - Throws: ``TestBedError/notInTime(_:limit:)``.
    public func end(within limit: Duration) async throws {
        do {
            try await wait(for: "the end of `\(line)`", within: limit, every: .milliseconds(2)) { !process.isRunning }
        } catch {
            signal(SIGKILL)
            throw error
        }
    }

    /// Waits for the end and returns the exit code and the output; a signal that ended the process is the code.
    public func outcome(within limit: Duration = .seconds(120)) async throws -> Outcome {
        try await end(within: limit)
        return Outcome(exitCode: process.terminationStatus, output: output, errors: errors)
    }

    /// Asks the process to stop, and waits until it has ended.
    public func stop(within limit: Duration = .seconds(50)) async throws {
        signal(SIGTERM)
        try await end(within: limit)
    }

    /// Kills the process and waits until it has ended; also a process that is stopped.
    public func killed() async throws {
        signal(SIGKILL)
        try await end(within: .seconds(30))
    }

    private static func open(_ output: Output) throws -> (FileHandle, FileHandle) {
        switch output {
        case .log(let file):
            let descriptor = Foundation.open(file.path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw TestBedError.missing(file.path, remedy: "check its folder") }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            return (handle, handle)
        case .captured: return (try unnamedFile(), try unnamedFile())
        }
    }

    /// Opens a file that vanishes with its last descriptor; unlike a pipe it never blocks the process.
    private static func unnamedFile() throws -> FileHandle {
        let folder = FileManager.default.temporaryDirectory.path
        var path = Array("\(folder)/output-XXXXXX".utf8CString)
        let descriptor = mkstemp(&path)
        guard descriptor >= 0 else { throw TestBedError.missing("a file in \(folder)", remedy: "check the folder") }
        unlink(path)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Reads a file without moving the offset, which the process writes at.
    private static func text(of handle: FileHandle) -> String {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = pread(handle.fileDescriptor, &part, part.count, off_t(bytes.count))
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += part[..<count]
        }
    }
}

/// The thread that starts all processes.
///
/// The kernel kills a child when the thread that started it ends (`PR_SET_PDEATHSIG`), and threads of the pool end when
/// they have been idle. This one ends with the process only.
private final class SpawningThread: Sendable {
    static let shared = SpawningThread()

    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let available = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread {
            while true {
                self.available.wait()
                let job = self.jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                job?()
            }
        }
    }

    /// Runs `body` on the thread.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            jobs.withLock { jobs in
                jobs.append { continuation.resume(with: Result { try body() }) }
            }
            available.signal()
        }
    }
}
