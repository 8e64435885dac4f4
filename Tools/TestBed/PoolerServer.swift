import Foundation
import Postgres

/// A private PgBouncer before a running Postgres, which lends sessions for one transaction.
public final class PoolerServer: Sendable {
    private static let paths = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
    private static var path: String? { paths.first { FileManager.default.isExecutableFile(atPath: $0) } }

    /// True if PgBouncer is installed.
    public static var isInstalled: Bool { path != nil }

    private let port: Int
    private let process: ChildProcess

    private init(port: Int, process: ChildProcess) {
        (self.port, self.process) = (port, process)
    }

    /// Runs `body` with a pooler for all databases of a server.
    ///
    /// - Parameters:
    ///   - server: The address of a database of the server, with user and password.
    ///   - sessions: The most sessions of each database.
    ///   - body: Uses the pooler.
    /// - Returns: The result of `body`.
    /// - Throws: ``TestBedError`` if it is not installed or does not start, or the error of `body`.
    public static func with<Value>(
        before server: String,
        sessions: Int = 8,
        _ body: (PoolerServer) async throws -> Value
    ) async throws -> Value {
        guard let path, let address = URLComponents(string: server) else {
            throw TestBedError.missing("PgBouncer", remedy: "run Scripts/bootstrap pgbouncer")
        }
        // It refuses to run as root, and another user must be able to read its files.
        let folder = URL(filePath: "/var/tmp/campaigns-pooler-\(UUID().uuidString.lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }  // Temporary; it holds nothing of value.
        let port = try FreePort.find()
        let users = folder.appending(path: "users.txt")
        try "\"\(address.user ?? "")\" \"\(address.password ?? "")\"\n"
            .write(to: users, atomically: true, encoding: .utf8)
        let configuration = folder.appending(path: "pgbouncer.ini")
        try """
        [databases]
        * = host=\(address.host ?? "127.0.0.1") port=\(address.port ?? 5_432)
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = \(port)
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = \(users.path)
        pool_mode = transaction
        default_pool_size = \(sessions)
        max_client_conn = 200

        """.write(to: configuration, atomically: true, encoding: .utf8)
        let process = try await ChildProcess.start(
            path,
            [configuration.path],
            environment: ["PATH": "/usr/sbin:/usr/bin:/bin"],
            as: "postgres",
            output: .captured
        )
        let pooler = PoolerServer(port: port, process: process)
        let result: Result<Value, any Error>
        do {
            let check = try PostgresConfiguration(try pooler.url(server))
            try await wait(for: "PgBouncer", within: .seconds(30), every: .milliseconds(50), toleratesErrors: true) {
                await (try PostgresConnection.connect(check, logger: .silent)).close()
                return true
            }
            result = .success(try await body(pooler))
        } catch {
            result = .failure(error)
        }
        try await process.killed()
        return try result.get()
    }

    /// Returns the address of a database through the pooler.
    ///
    /// - Parameter direct: Its address at the server.
    /// - Returns: The same database, user and password at the pooler.
    /// - Throws: ``TestBedError`` if it is no URL.
    public func url(_ direct: String) throws -> String {
        guard var address = URLComponents(string: direct) else {
            throw TestBedError.missing("a URL", remedy: "write it like postgresql://user:password@host:port/database")
        }
        (address.host, address.port) = ("127.0.0.1", port)
        return address.string ?? direct
    }
}
