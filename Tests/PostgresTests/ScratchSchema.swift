import FoundationEssentials
import Glibc
import Postgres
import Testing

/// A schema of its own for one test, dropped at the end; `configuration` finds it first.
struct ScratchSchema: Sendable {
    let name: String
    let configuration: PostgresConfiguration

    static var isAvailable: Bool { url != nil }

    private static var url: String? { getenv("DATABASE_URL").map { String(cString: $0) } }

    static func serverConfiguration(schema: String? = nil) throws -> PostgresConfiguration {
        let url = try #require(url, "run Scripts/services up, then eval \"$(Scripts/services env)\"")
        guard let schema else { return try PostgresConfiguration(url) }
        return try PostgresConfiguration(url + (url.contains("?") ? "&" : "?") + "schema=" + schema)
    }

    /// Runs `body` with a pool of connections to a fresh schema.
    static func withPool<Value>(
        connections: Int = 4,
        acquireTimeout: Duration = .seconds(10),
        _ body: (PostgresPool, ScratchSchema) async throws -> Value
    ) async throws -> Value {
        let server = try serverConfiguration()
        let name = "pgtest_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        var configuration = server.setting("options", to: "-c search_path=\(name)")
        // The name lets a test find its own backends among others.
        configuration.applicationName = name
        // The limit is generous, because a machine may build while it tests.
        configuration.connectTimeout = .seconds(20)
        let scratch = ScratchSchema(name: name, configuration: configuration)
        let admin = try await PostgresConnection.connect(server)
        try await admin.simpleScript("CREATE SCHEMA \(name)")
        let pool = PostgresPool(
            configuration: scratch.configuration,
            maxConnections: connections,
            acquireTimeout: acquireTimeout
        )
        let result: Result<Value, any Error>
        do { result = .success(try await body(pool, scratch)) } catch { result = .failure(error) }
        await pool.shutdown(within: .seconds(5))
        try await admin.simpleScript("DROP SCHEMA \(name) CASCADE")
        await admin.close()
        return try result.get()
    }

    static func withConnection<Value>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await withPool(connections: 1) { pool, _ in try await pool.withConnection(body) }
    }
}

/// Waits until `condition` holds, or fails after `limit`.
func eventually(
    within limit: Duration = .seconds(60),
    _ what: Comment,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, what, sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Checks that a connection still answers.
func expectUsable(_ connection: PostgresConnection) async throws {
    let rows = try await connection.query("SELECT 42")
    #expect(try #require(rows.first).decode(0) == 42)
}
