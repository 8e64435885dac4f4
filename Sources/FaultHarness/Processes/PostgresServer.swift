import Foundation
import Postgres
import Synchronization

/// A Postgres server of the harness's own, which it may stop, kill and start again.
final class PostgresServer: Sendable {
    let port: Int
    private let folder: URL
    private let data: URL
    private let binaries: String
    private let password: String
    private let environment: [String: String]
    private let process = Mutex<ChildProcess?>(nil)

    /// Makes the files of a server; nothing runs yet.
    init(folder: URL, environment: [String: String]) async throws {
        self.folder = folder
        self.environment = environment
        port = try FreePort.find()
        password = UUID().uuidString.lowercased()
        data = folder.appending(path: "postgres")
        binaries = try Self.binaries()
        let passwordFile = folder.appending(path: "postgres.password")
        try password.write(to: passwordFile, atomically: true, encoding: .utf8)
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        if geteuid() == 0 {
            for file in [data, passwordFile] {
                try FileManager.default.setAttributes([.ownerAccountName: "postgres"], ofItemAtPath: file.path)
            }
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: data.path)
        try await ChildProcess.run(
            "\(binaries)/initdb",
            [
                "-D", data.path, "-U", "campaigns", "--pwfile=\(passwordFile.path)", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C.UTF-8",
            ],
            environment: environment,
            as: "postgres",
            log: folder.appending(path: "initdb.log")
        )
        try FileManager.default.removeItem(at: passwordFile)
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
                    log: folder.appending(path: "postgres.log")
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
