import Foundation
import Postgres
import Store
import TestBed
import TestSupport
import Testing

/// A server of Postgres that restarts, which ends the sessions of all daemons at once.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct PostgresRestartTests {
    @Test(.timeLimit(.minutes(3)))
    func afterARestartNoDaemonIsJudgedUntilAllCouldComeBack() async throws {
        try await Self.withServer { server, pool in
            _ = try await Migrator(pool: pool, logger: TestDatabase.logger).migrate()
            let daemons = DaemonRepository(pool: pool)
            let (judge, gone) = (DaemonNumber(), DaemonNumber())
            for number in [judge, gone] { try await daemons.beat(UUID(), version: "1", number: number, lanes: []) }
            let (sessions, opened) = AsyncStream<Bool>.makeStream()
            let life = Task {
                for await _ in daemons.listen(to: ["none"], as: judge, opened: { opened.yield($0) }) {}
            }
            var session = sessions.makeAsyncIterator()
            let isHeld = await session.next()
            #expect(isHeld == true)
            try await eventually("it judges") { try await daemons.census(by: judge)?.missing == [gone] }
            try await server.stopImmediately()
            try await server.start()
            let isHeldAgain = await session.next()
            #expect(isHeldAgain == true, "it comes back")
            let census = try await daemons.census(by: judge)
            let age = try await pool.query("SELECT extract(epoch FROM now() - pg_postmaster_start_time())::float8")
            // On a busy machine the time may have passed.
            if try age[0].decode(0, as: Double.self) < 6 { #expect(census == nil) }
            try await eventually("it judges again") { try await daemons.census(by: judge)?.missing == [gone] }
            life.cancel()
            await life.value
        }
    }

    /// A server of the test's own, with a pool on it.
    private static func withServer(_ body: (PostgresServer, PostgresPool) async throws -> Void) async throws {
        // The user of Postgres must be able to reach it.
        let folder = URL(filePath: "/var/tmp/campaigns-restart-\(UUID().uuidString.lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let environment = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "LANG"].contains($0.key) }
        let server = try await PostgresServer.make(folder: folder, environment: environment)
        try await server.start()
        let pool = PostgresPool(
            configuration: try PostgresConfiguration(server.url(database: "postgres")),
            maxConnections: 2,
            logger: TestDatabase.logger
        )
        let result: Result<Void, any Error>
        do { result = .success(try await body(server, pool)) } catch { result = .failure(error) }
        await pool.shutdown()
        try await server.kill()
        try FileManager.default.removeItem(at: folder)
        try result.get()
    }
}
