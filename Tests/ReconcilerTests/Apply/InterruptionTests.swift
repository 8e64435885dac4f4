import Foundation
import Postgres
import Randomness
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A reconcile may crash at any instant: its plan is applied as a whole or not at all, and no lock is left.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct InterruptionTests {
    private static let other = Samples.everything.replacing("env:TOKEN", with: "env:OTHER")
        .replacing("[vip, gold]", with: "[vip]").replacing("0 9 * * MON", with: "0 9 * * TUE")
        .replacing("plan: premium", with: "plan: basic")

    /// Makes the nth write of a transaction end its own connection, as a killed process would.
    private static func arm(_ fixture: ReconcilerFixture) async throws {
        let pool = fixture.pool
        try await pool.execute("CREATE UNLOGGED TABLE fuse (after integer)")
        try await pool.execute("INSERT INTO fuse VALUES (0)")
        try await pool.execute("CREATE SEQUENCE writes")
        try await pool.execute(
            """
            CREATE FUNCTION burn() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('writes') = (SELECT after FROM fuse) THEN
                    PERFORM pg_terminate_backend(pg_backend_pid());
                    PERFORM pg_sleep(5);
                END IF;
                RETURN NULL;
            END $$
            """
        )
        for table in [
            "tenants", "accounts", "senders", "templates", "audiences", "campaigns", "campaign_revisions",
            "campaign_schedules",
            "campaign_triggers", "reconcile_history",
        ] {
            try await pool.execute(
                """
                CREATE TRIGGER burn AFTER INSERT OR UPDATE ON \(identifier: table)
                FOR EACH STATEMENT EXECUTE FUNCTION burn()
                """
            )
        }
    }

    /// A server process notifies its client of its end before it releases its locks.
    private static func expectNoLock(_ fixture: ReconcilerFixture) async throws {
        try await eventually("the lock is given back") {
            try await fixture.count(
                """
                SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            ) == 0
        }
    }

    private static func light(_ fixture: ReconcilerFixture, after writes: Int) async throws {
        try await fixture.pool.execute("UPDATE fuse SET after = \(writes)")
        try await fixture.pool.execute("ALTER SEQUENCE writes RESTART")
    }

    @Test(arguments: [Samples.all, other])
    func aCrashAtAnyWriteLeavesNoChange(target: String) async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            try await Self.arm(fixture)
            let desired = try ReconcilerFixture.desired(target)
            let plan = try await fixture.plan(desired)
            let before = try await fixture.fingerprint()
            var deaths = 0
            while true {
                try await Self.light(fixture, after: deaths + 1)
                do {
                    try await fixture.apply(plan, desired)
                    break
                } catch is PostgresError {
                    deaths += 1
                    try #require(deaths < 100)
                    #expect(try await fixture.fingerprint() == before, "write \(deaths)")
                    try await Self.expectNoLock(fixture)
                }
            }
            #expect(deaths >= 5)
            #expect(try await fixture.plan(desired).isEmpty)
        }
    }

    @Test func crashesAtRandomTimesLeaveAllOrNothing() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            var generator = SplitMix64(seed: 7)
            let killer = try await PostgresConnection.connect(fixture.configuration)
            var states: Set<[String]> = []
            for round in 1...20 {
                let desired = try ReconcilerFixture.desired(round % 2 == 1 ? Self.other : Samples.everything)
                let plan = try await fixture.plan(desired)
                let before = try await fixture.fingerprint()
                let spins = Int.random(in: 0...40, using: &generator)
                let isApplied = try await withThrowingTaskGroup(of: Bool?.self) { group in
                    group.addTask {
                        do { return try await fixture.apply(plan, desired) != nil } catch is PostgresError {
                            return false
                        }
                    }
                    group.addTask {
                        // Round trips take the place of a sleep, so that the kill comes at any point of the reconcile.
                        for _ in 0..<spins { try await killer.execute("SELECT 1") }
                        try await killer.execute(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid()
                                AND xact_start IS NOT NULL AND query NOT LIKE 'COMMIT%'
                            """
                        )
                        return nil
                    }
                    return try await group.reduce(false) { $1 ?? $0 }
                }
                let after = try await fixture.fingerprint()
                let rest = try await fixture.plan(desired)
                // A commit without an answer was still applied as a whole.
                #expect(after == before ? !isApplied : rest.isEmpty, "round \(round)")
                states.insert(after)
            }
            #expect(!states.isEmpty)
            await killer.close()
            try await Self.expectNoLock(fixture)
        }
    }
}
