public import Foundation
public import Logging
public import Postgres
import Synchronization

/// A private Postgres server that can be stopped, killed and started again.
public final class PostgresServer: Sendable {
    public let port: Int
    private let name: String
    private let folder: URL
    private let data: URL
    private let binaries: String
    private let password: String
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)

    private init(folder: URL, name: String, password: String, environment: [String: String]) throws {
        self.folder = folder
        self.name = name
        self.password = password
        self.environment = environment
        port = try FreePort.find()
        data = folder.appending(path: name)
        binaries = try Self.binaries()
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try Self.giveToPostgres(data)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: data.path)
    }

    /// Creates the files of a server, which does not run yet.
    public static func make(folder: URL, environment: [String: String]) async throws -> PostgresServer {
        let password = UUID().uuidString.lowercased()
        let server = try PostgresServer(folder: folder, name: "postgres", password: password, environment: environment)
        let passwordFile = folder.appending(path: "postgres.password")
        try password.write(to: passwordFile, atomically: true, encoding: .utf8)
        try giveToPostgres(passwordFile)
        try await server.command(
            "initdb",
            [
                "-D", server.data.path, "-U", "campaigns", "--pwfile=\(passwordFile.path)", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C.UTF-8",
            ]
        )
        try FileManager.default.removeItem(at: passwordFile)
        return server
    }

    /// Creates a standby that follows this server until it is promoted; it does not run yet.
    public func makeStandby() async throws -> PostgresServer {
        let standby = try PostgresServer(folder: folder, name: "standby", password: password, environment: environment)
        try await command(
            "pg_basebackup",
            ["-D", standby.data.path, "-R", "-X", "stream", "-c", "fast", "-d", url(database: "postgres")]
        )
        return standby
    }

    /// Makes a standby the primary.
    public func promote() async throws { try await administrate("SELECT pg_promote()") }

    /// Makes commits wait for a standby, or not.
    public func setSynchronous(_ isSynchronous: Bool) async throws {
        try await administrate("ALTER SYSTEM SET synchronous_standby_names = '\(isSynchronous ? "*" : "")'")
        try await administrate("SELECT pg_reload_conf()")
    }

    /// Kills the server and deletes its files.
    public func remove() async throws {
        try await kill()
        try FileManager.default.removeItem(at: data)
    }

    private static func giveToPostgres(_ file: URL) throws {
        guard geteuid() == 0 else { return }
        try FileManager.default.setAttributes([.ownerAccountName: "postgres"], ofItemAtPath: file.path)
    }

    private func command(_ command: String, _ arguments: [String]) async throws {
        let path = "\(binaries)/\(command)"
        try await ChildProcess.run(path, arguments, environment: environment, as: "postgres")
    }

    private static func binaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init)
        guard let newest = versions.max() else {
            throw TestBedError.missing("a Postgres server", remedy: "run Scripts/bootstrap")
        }
        return "\(root)/\(newest)/bin"
    }

    /// Returns the address of a database, directly or through the port of a proxy.
    public func url(database: String, port: Int? = nil) -> String {
        "postgresql://campaigns:\(password)@127.0.0.1:\(port ?? self.port)/\(database)"
    }

    /// Starts the server and waits until it answers, also after it was killed.
    public func start() async throws {
        try await wait(for: "Postgres", within: .seconds(60), every: .milliseconds(200), toleratesErrors: true) {
            if process.withLock({ $0?.isRunning }) != true {
                let child = try await ChildProcess.start(
                    "\(binaries)/postgres",
                    [
                        "-D", data.path, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-c",
                        "unix_socket_directories=", "-c", "max_connections=120", "-c", "shared_buffers=128MB",
                        "-c", "timezone=UTC", "-c", "logging_collector=off",
                    ],
                    environment: environment,
                    as: "postgres",
                    output: .log(folder.appending(path: "\(name).log"))
                )
                process.withLock { $0 = child }
            }
            try await withAdmin { _ in }
            return true
        }
    }

    /// Ends the server without a checkpoint (`SIGQUIT`), as `pg_ctl -m immediate` does.
    public func stopImmediately() async throws { try await end(by: SIGQUIT) }

    /// Kills the postmaster; its children notice and end.
    public func kill() async throws { try await end(by: SIGKILL) }

    private func end(by signal: Int32) async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(signal)
        try await child.end(within: .seconds(30))
    }

    /// Runs a script on the administrative database.
    public func administrate(_ script: String) async throws {
        try await withAdmin { try await $0.simpleScript(script, deadline: .seconds(30)) }
    }

    /// Runs `body` with a connection to the administrative database.
    public func withAdmin<Value: Sendable>(_ body: (PostgresConnection) async throws -> Value) async throws -> Value {
        let url = url(database: "postgres")
        let configuration = try PostgresConfiguration(url, applicationName: "faults", connectTimeout: .seconds(5))
        let connection = try await PostgresConnection.connect(configuration, logger: .silent)
        let result: Result<Value, any Error>
        do { result = .success(try await body(connection)) } catch { result = .failure(error) }
        await connection.close()
        return try result.get()
    }
}

extension Logger {
    /// A logger that discards every message.
    public static let silent = Logger(label: "test-bed") { _ in SwiftLogNoOpLogHandler() }
}
