import Foundation
import Synchronization
import TestSupport

/// One of this package's commands, running as a process of its own.
final class CommandProcess: Sendable {
    struct Outcome: Sendable {
        let exitCode: Int32
        let output: String
        let errors: String
    }

    private let process: Mutex<Process>
    private let ended: AsyncStream<Int32>
    private let output: Mutex<[String: Data]> = Mutex([:])

    let processID: Int32

    /// Starts a command from the folder that the tests were built into.
    convenience init(_ command: String, _ arguments: [String], environment: [String: String]) throws {
        try self.init(path: Self.path(of: command), arguments, environment: environment)
    }

    /// Starts any command.
    init(path: String, _ arguments: [String], environment: [String: String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let (outputs, errors) = (Pipe(), Pipe())
        process.standardOutput = outputs
        process.standardError = errors
        let (ended, end) = AsyncStream<Int32>.makeStream()
        self.ended = ended
        process.terminationHandler = { process in
            end.yield(process.terminationStatus)
            end.finish()
        }
        try process.run()
        processID = process.processIdentifier
        self.process = Mutex(process)
        collect(outputs.fileHandleForReading, as: "output")
        collect(errors.fileHandleForReading, as: "errors")
    }

    /// Runs a command to its end.
    static func run(_ command: String, _ arguments: String..., environment: [String: String]) async throws -> Outcome {
        try await CommandProcess(command, arguments, environment: environment).outcome()
    }

    /// What was written to standard error so far.
    var errors: String { text("errors") }

    /// Waits for the end.
    func outcome() async throws -> Outcome {
        var code: Int32 = -1
        for await ended in ended { code = ended }
        try await eventually("the output of a command ends") {
            self.output.withLock { $0["output.end"] != nil && $0["errors.end"] != nil }
        }
        return Outcome(exitCode: code, output: text("output"), errors: text("errors"))
    }

    func send(_ signal: Int32) {
        kill(processID, signal)
    }

    private func text(_ name: String) -> String {
        output.withLock { String(decoding: $0[name] ?? Data(), as: UTF8.self) }
    }

    /// Reads to the end on a thread of its own: a readability handler may miss the end of a process that is gone before
    /// the handler is set.
    private func collect(_ handle: FileHandle, as name: String) {
        Thread.detachNewThread {
            while true {
                let data = handle.availableData
                self.output.withLock { output in
                    output[name, default: Data()].append(data)
                    if data.isEmpty { output[name + ".end"] = Data() }
                }
                if data.isEmpty { return }
            }
        }
    }

    /// Where a command is, in the folder of the test bundle.
    static func path(of command: String) -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.appending(path: ".build/debug/\(command)").path
    }
}
