public import Foundation
import Synchronization

/// One `campaignd run`, which can be killed and started again any number of times.
public final class DaemonProcess: Sendable {
    public let name: String
    public let port: Int
    private let executable: String
    private let environment: [String: String]
    private let log: URL
    private let process = Mutex<ChildProcess?>(nil)

    /// Describes a daemon on a free port; it does not run yet.
    public init(name: String, executable: String, environment: [String: String], log: URL) throws {
        self.name = name
        self.executable = executable
        self.log = log
        port = try FreePort.find()
        self.environment = environment.merging(["HTTP_PORT": "\(port)"]) { $1 }
    }

    public var url: String { "http://127.0.0.1:\(port)" }
    public var isRunning: Bool { process.withLock { $0?.isRunning } == true }
    /// The id of the process; 0 before the first start.
    public var processID: Int32 { process.withLock { $0?.processID } ?? 0 }

    /// Starts the daemon, with further variables such as `CRASH_AT`, and does not wait for it.
    public func start(_ extra: [String: String] = [:]) async throws {
        let child = try await ChildProcess.start(
            executable,
            ["run"],
            environment: environment.merging(extra) { $1 },
            output: .log(log)
        )
        process.withLock { $0 = child }
    }

    /// Waits until the daemon is ready.
    ///
    /// - Throws: ``TestBedError``, also when the daemon ends instead.
    public func untilReady(within limit: Duration = .seconds(40)) async throws {
        try await wait(for: "daemon \(name)", within: limit) {
            guard let child = process.withLock({ $0 }), child.isRunning else {
                let output = try? String(contentsOf: log, encoding: .utf8)
                throw TestBedError.command("campaignd run", output: output ?? "")
            }
            // Connections are refused until it serves, and after that it may not be ready yet.
            return (try? await HTTP.get(url + "/readyz")) != nil
        }
    }

    public func signal(_ signal: Int32) { process.withLock { $0 }?.signal(signal) }

    /// Kills the daemon and waits until it has ended.
    public func kill() async throws { try await process.withLock { $0 }?.killed() }

    /// Asks the daemon to stop, and waits until it has ended.
    public func stop() async throws { try await process.withLock { $0 }?.stop() }

    public func end(within limit: Duration) async throws { try await process.withLock { $0 }?.end(within: limit) }

    /// Brings the daemon back: continues it if it was stopped, starts it if it has ended.
    public func revive() async throws {
        signal(SIGCONT)
        if !isRunning { try await start() }
    }
}
