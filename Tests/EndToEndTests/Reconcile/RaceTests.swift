import Foundation
import Postgres
import Store
import TestBed
import TestSupport
import Testing

/// Exactly the reviewed plan is applied once, also when several commands run or one is killed.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct RaceTests {
    private static func digest(_ outcome: ChildProcess.Outcome) throws -> String {
        String(try #require(outcome.output.firstMatch(of: /Digest: (sha256:[0-9a-f]{64})/), "\(outcome.errors)").1)
    }

    /// Enough specs that applying them takes a while.
    private static func many(_ mark: Int) -> String {
        let audiences = (1...150).map { n in
            "kind: Audience\nname: a\(n)\nconditions: [{ field: messageCount, operator: gte, value: \(n * 10 + mark) }]"
        }
        return audiences.joined(separator: "\n---\n")
    }

    /// A hash of all rows that a reconcile writes.
    private static func state(_ stage: SpecsStage) async throws -> String {
        try await stage.pool.query(
            """
            SELECT md5(coalesce((SELECT string_agg(a::text, '|' ORDER BY id) FROM audiences a), '')
                || coalesce((SELECT string_agg(s::text, '|' ORDER BY id) FROM senders s), '')
                || (SELECT count(*)::text FROM reconcile_history))
            """
        )[0].decode(0)
    }

    private static func expectNoLock(_ stage: SpecsStage) async throws {
        try await eventually("no lock is left") {
            try await stage.count(
                """
                SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            ) == 0
        }
    }

    @Test func aDigestIsAppliedOnce() async throws {
        try await SpecsStage.with { stage in
            let digest = try Self.digest(try await stage.reconcile(stage.specs, "--dry-run"))
            #expect(try await stage.reconcile(stage.specs, "--expect-digest", digest).exitCode == 0)
            #expect(try await stage.reconcile(stage.specs, "--expect-digest", digest).exitCode == 4)
            // The digest differs even if the rows are the same as before.
            try await stage.pool.execute("DELETE FROM senders")
            let again = try await stage.reconcile(stage.specs, "--dry-run")
            #expect(try Self.digest(again) != digest)
            let replayed = try await stage.reconcile(stage.specs, "--expect-digest", digest)
            #expect(replayed.exitCode == 4 && replayed.errors.contains("review the new plan"))
            #expect(try await stage.count("SELECT count(*) FROM senders") == 0)
        }
    }

    @Test func onlyOneOfSeveralReconcilesApplies() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/many.yaml", Self.many(0))
            let digest = try Self.digest(try await stage.reconcile(stage.specs, "--dry-run"))
            let outcomes = try await withThrowingTaskGroup(of: ChildProcess.Outcome.self) { group in
                for _ in 1...5 {
                    group.addTask { try await stage.reconcile(stage.specs, "--expect-digest", digest) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.map(\.exitCode).sorted() == [0, 4, 4, 4, 4], "\(outcomes.map(\.errors))")
            #expect(try await stage.count("SELECT count(*) FROM reconcile_history") == 1)
            try await Self.expectNoLock(stage)
        }
    }

    @Test func theHolderOfTheLockIsNamed() async throws {
        try await SpecsStage.with { stage in
            let url = try #require(stage.environment["DATABASE_URL"])
            let configuration = try PostgresConfiguration(
                url,
                variable: "DATABASE_URL",
                applicationName: "somebody-else"
            )
            let holder = try await PostgresConnection.connect(configuration)
            try await holder.execute("SELECT pg_advisory_lock(\(ReconcileLock.key))")
            let outcome = try await stage.reconcile(stage.specs)
            #expect(outcome.exitCode == 4)
            let holderID = try await holder.query("SELECT pg_backend_pid()")[0].decode(0, as: Int.self)
            #expect(
                outcome.errors.contains(
                    "another reconcile holds the lock: process \(holderID) of the database server"
                )
            )
            #expect(outcome.errors.contains("(somebody-else)"), "\(outcome.errors)")
            await holder.close()
            try await eventually("the lock is free") { try await stage.reconcile(stage.specs).exitCode == 0 }
        }
    }

    @Test func aKilledReconcileLeavesAllOrNothing() async throws {
        try await SpecsStage.with { stage in
            try stage.write("test/many.yaml", Self.many(0))
            #expect(try await stage.reconcile(stage.specs).exitCode == 0)
            var (whole, nothing) = (0, 0)
            for round in 1...25 {
                try stage.write("test/many.yaml", Self.many(round))
                let before = try await Self.state(stage)
                let process = try await stage.start([stage.specs, "--max-change-percent", "100"])
                // After a random number of round trips, the process is anywhere between its first statement and its
                // end.
                try await eventually("it is connected") {
                    try await stage.count(
                        """
                        SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'reconcile'
                        """
                    ) > 0
                }
                for _ in 0..<Int.random(in: 0...120) { try await stage.pool.execute("SELECT 1") }
                process.signal(SIGKILL)
                _ = try await process.outcome()
                try await Self.expectNoLock(stage)
                let plan = try await stage.reconcile(
                    stage.specs,
                    "--dry-run",
                    "--detailed-exitcode",
                    "--max-change-percent",
                    "100"
                )
                let isUnchanged = try await Self.state(stage) == before
                #expect(plan.exitCode == (isUnchanged ? 2 : 0), "round \(round): \(plan.output)\(plan.errors)")
                if isUnchanged { nothing += 1 } else { whole += 1 }
            }
            #expect(whole + nothing == 25)
            let last = try await stage.reconcile(stage.specs, "--max-change-percent", "100")
            #expect(last.exitCode == 0)
            #expect(try await stage.reconcile(stage.specs, "--detailed-exitcode").exitCode == 0)
        }
    }
}
