import Foundation
import Synchronization

/// One `campaignd run`, which may die and come back any number of times.
final class DaemonProcess: Sendable {
    let name: String
    let port: Int
    private let executable: String
    private let environment: [String: String]
    private let log: URL
    private let process = Mutex<ChildProcess?>(nil)

    init(name: String, executable: String, environment: [String: String], log: URL) throws {
        self.name = name
        self.executable = executable
        self.log = log
        port = try FreePort.find()
        self.environment = environment.merging(["HTTP_PORT": "\(port)"]) { $1 }
    }

    var isRunning: Bool { process.withLock { $0?.isRunning } == true }

    /// Starts the daemon and does not wait for it.
    ///
    /// - Parameter extra: More of its environment, such as `CRASH_AT`.
    /// - Throws: When it cannot be started.
    func start(_ extra: [String: String] = [:]) async throws {
        let child = try await ChildProcess.start(
            executable,
            ["run"],
            environment: environment.merging(extra) { $1 },
            log: log
        )
        process.withLock { $0 = child }
    }

    func signal(_ signal: Int32) { process.withLock { $0 }?.signal(signal) }

    func kill() async throws {
        signal(SIGKILL)
        try await end(within: .seconds(10))
    }

    func end(within limit: Duration) async throws {
        guard let child = process.withLock({ $0 }) else { return }
        try await child.end(within: limit)
    }

    /// Brings the daemon back: goes on if it was stopped, starts if it is gone.
    func revive() async throws {
        signal(SIGCONT)
        if !isRunning { try await start() }
    }

    /// Resident memory in bytes and open files; `nil` when it does not run.
    func footprint() -> Footprint? {
        guard let child = process.withLock({ $0 }), child.isRunning else { return nil }
        let status = (try? String(contentsOfFile: "/proc/\(child.processID)/status", encoding: .utf8)) ?? ""
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(child.processID)/fd")) ?? []
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let kilobytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        return Footprint(process: child.processID, memory: (kilobytes ?? 0) * 1_024, files: files.count)
    }

    /// What a daemon takes of the machine.
    struct Footprint: Sendable {
        let process: Int32
        let memory: Int
        let files: Int
    }
}
