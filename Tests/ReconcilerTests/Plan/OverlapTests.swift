import Logging
import Postgres
import Spec
import TestSupport
import Testing

@testable import Reconciler

/// The specs are read while the database is asked.
struct OverlapTests {
    private struct Unreadable: Error {}

    private static func withNowhere<Value>(_ body: (Planner) async throws -> Value) async throws -> Value {
        let configuration = try PostgresConfiguration(
            "postgresql://nobody@localhost:1/nothing",
            variable: "DATABASE_URL",
            applicationName: "test"
        )
        let pool = PostgresPool(configuration: configuration, maxConnections: 1, logger: Logger(label: "test"))
        do {
            let value = try await body(Planner(pool: pool, logger: Logger(label: "test")))
            await pool.shutdown()
            return value
        } catch {
            await pool.shutdown()
            throw error
        }
    }

    @Test func errorsInTheSpecsAreReportedFirst() async throws {
        await #expect(throws: Unreadable.self) {
            try await Self.withNowhere { planner in
                try await planner.plan(tenants: []) { () async throws -> (DesiredState, Int) in throw Unreadable() }
            }
        }
    }

    @Test func withValidSpecsTheErrorOfTheDatabaseIsReported() async throws {
        let desired = try ReconcilerFixture.desired(Samples.sender)
        await #expect(throws: PostgresError.self) {
            try await Self.withNowhere { planner in try await planner.plan(tenants: []) { (desired, 0) } }
        }
    }

    @Test(.enabled(if: TestEnvironment.hasPostgres))
    func bothWaysMakeTheSamePlan() async throws {
        try await ReconcilerFixture.with { fixture in
            let desired = try ReconcilerFixture.desired(Samples.sender)
            let planner = Planner(pool: fixture.pool, logger: Logger(label: "test"))
            let (plan, other) = try await planner.plan(tenants: []) { (desired, "read") }
            #expect(other == "read")
            #expect(plan.creates == 1)
            #expect(try await planner.plan(desired).digest == plan.digest)
        }
    }
}
