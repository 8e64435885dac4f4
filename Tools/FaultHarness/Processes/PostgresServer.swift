import Foundation
import Postgres
import Synchronization

/// A Postgres server of the harness's own, which it may stop, kill and start again.
final class PostgresServer: Sendable {
    let port: Int
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

    /// Makes the files of a server; nothing runs yet.
    static func make(folder: URL, environment: [String: String]) async throws -> PostgresServer {
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

    /// Makes a copy that follows this server until it is promoted; it does not run yet.
    func makeStandby() async throws -> PostgresServer {
        let standby = try PostgresServer(folder: folder, name: "standby", password: password, environment: environment)
        try await command(
            "pg_basebackup",
            ["-D", standby.data.path, "-R", "-X", "stream", "-c", "fast", "-d", url(database: "postgres")]
        )
        return standby
    }

    /// Makes a standby the primary.
    func promote() async throws { try await administrate("SELECT pg_promote()") }

    /// Lets commits wait for a standby, or not.
    func setSynchronous(_ isSynchronous: Bool) async throws {
        try await administrate("ALTER SYSTEM SET synchronous_standby_names = '\(isSynchronous ? "*" : "")'")
        try await administrate("SELECT pg_reload_conf()")
    }

    /// Ends the server and forgets its files.
    func remove() async throws {
        try await kill()
        try FileManager.default.removeItem(at: data)
    }

    private static func giveToPostgres(_ file: URL) throws {
        guard geteuid() == 0 else { return }
        try FileManager.default.setAttributes([.ownerAccountName: "postgres"], ofItemAtPath: file.path)
    }

    private func command(_ command: String, _ arguments: [String]) async throws {
        try await ChildProcess.run(
            "\(binaries)/\(command)",
            arguments,
            environment: environment,
            as: "postgres",
            log: folder.appending(path: "\(command).log")
        )
    }

    private static func binaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init)
        guard let newest = versions.max() else {
            throw HarnessError.missing("a Postgres server", remedy: "run Scripts/bootstrap")
        }
        return "\(root)/\(newest)/bin"
    }

    /// The address of a database, through `port` of a proxy or directly.
    func url(database: String, port: Int? = nil) -> String {
        "postgresql://campaigns:\(password)@127.0.0.1:\(port ?? self.port)/\(database)"
    }

    /// Starts the server and waits until it answers; also after it was killed.
    func start() async throws {
        try await wait(for: "Postgres", within: .seconds(60), every: .milliseconds(200)) {
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
                    log: folder.appending(path: "\(name).log")
                )
                process.withLock { $0 = child }
            }
            return try await answers()
        }
    }

    private func answers() async throws -> Bool {
        let configuration = try PostgresConfiguration(url(database: "postgres"), connectTimeout: .seconds(2))
        let connection = try await PostgresConnection.connect(configuration, logger: Stage.silent)
        await connection.close()
        return true
    }

    /// Ends the server without a checkpoint (`SIGQUIT`), as `pg_ctl -m immediate` does.
    func stopImmediately() async throws { try await end(by: SIGQUIT) }

    /// Kills the postmaster; its children notice and go.
    func kill() async throws { try await end(by: SIGKILL) }

    private func end(by signal: Int32) async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(signal)
        try await child.end(within: .seconds(30))
    }

    /// Kills one process that serves a connection; Postgres then restarts all others.
    func killOneBackend() async throws {
        let rows = try await withAdmin { try await $0.query(PostgresQuery(sql: Statement.oneBackend)) }
        if let backend = try rows.first?.decode(0, as: Int.self) { Foundation.kill(Int32(backend), SIGKILL) }
    }

    /// Runs a script on the administrative database.
    func administrate(_ script: String) async throws {
        try await withAdmin { try await $0.simpleScript(script, deadline: .seconds(30)) }
    }

    func withAdmin<Value: Sendable>(_ body: (PostgresConnection) async throws -> Value) async throws -> Value {
        let configuration = try PostgresConfiguration(url(database: "postgres"), applicationName: "faults")
        let connection = try await PostgresConnection.connect(configuration, logger: Stage.silent)
        let result: Result<Value, any Error>
        do { result = .success(try await body(connection)) } catch { result = .failure(error) }
        await connection.close()
        return try result.get()
    }
}
