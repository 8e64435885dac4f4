import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// A database remembers the environment of its specs.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct EnvironmentOfDatabaseTests {
    private static func withFolder(_ body: (String) async throws -> Void) async throws {
        let parent = FileManager.default.temporaryDirectory.appending(path: "environment-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: parent) }  // A leftover in the temporary folder does no harm.
        let sender = Samples.sender.replacing(/ratePerSecond: [0-9]+/, with: "")
        for (path, text) in [
            ("campaigns/acme/sender.yaml", sender + "\nratePerSecond: ${rate}\n"),
            ("environments/staging.yaml", "rate: 5\n"), ("environments/production.yaml", "rate: 50\n"),
        ] {
            let file = parent.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }
        try await body(parent.path + "/campaigns")
    }

    private static func desired(_ root: String, _ environment: String) throws -> DesiredState {
        try DesiredState(catalog: SpecCatalog.load(directory: root, environment: environment), root: root)
    }

    private static func rate(_ fixture: ReconcilerFixture) async throws -> Int {
        try await fixture.pool.query(#"SELECT "ratePerSecond" FROM senders"#)[0].decode(0)
    }

    @Test func refusesAnotherEnvironmentUntilItIsChanged() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { root in
                let staging = try Self.desired(root, "staging")
                var production = try Self.desired(root, "production")
                let first = try await fixture.plan(staging)
                #expect(try await fixture.plan(production).digest != first.digest)
                #expect(first.environment == "staging")
                try await fixture.apply(first, staging)
                #expect(try await Self.rate(fixture) == 5)
                await #expect {
                    try await fixture.plan(production)
                } throws: { error in
                    "\(error)".contains("environment `staging`, not of `production`")
                        && "\(error)".contains("--change-environment")
                }
                #expect(try await fixture.plan(staging).isEmpty)
                let taken = try await StateSnapshot.take(pool: fixture.pool, logger: TestDatabase.logger)
                let snapshot = try StateSnapshot(json: taken.json)
                let refusal = #expect(throws: ReconcileError.self) { try snapshot.plan(production) }
                #expect(refusal.map { "\($0)".contains("environment `staging`, not of `production`") } == true)
                #expect(try snapshot.plan(staging).isEmpty)
                production.changesEnvironment = true
                let change = try await fixture.plan(production)
                try await fixture.apply(change, production)
                #expect(try await Self.rate(fixture) == 50)
                await #expect(throws: ReconcileError.self) { try await fixture.plan(staging) }
                production.changesEnvironment = false
                #expect(try await fixture.plan(production).isEmpty)
            }
        }
    }

    /// A plan that was shown before another environment was applied changes nothing.
    @Test func refusesAPlanOfAnotherEnvironmentWhenItIsApplied() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { root in
                let staging = try Self.desired(root, "staging")
                let production = try Self.desired(root, "production")
                let late = try await fixture.plan(production)
                try await fixture.apply(try await fixture.plan(staging), staging)
                await #expect(throws: ReconcileError.self) { try await fixture.apply(late, production) }
                #expect(try await Self.rate(fixture) == 5)
            }
        }
    }

    /// Specs that change nothing still say whose values the database has, also in the daemon's loop.
    @Test func remembersTheEnvironmentOfSpecsWithoutChanges() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.withFolder { root in
                func loop(_ environment: String) -> Reconciliation {
                    Reconciliation(
                        folder: SpecsFolder(path: root, environment: environment),
                        pool: fixture.pool,
                        actor: "loop",
                        toolVersion: "test",
                        logger: TestDatabase.logger
                    )
                }
                guard case .applied = await loop("staging").attempt(commit: nil) else {
                    Issue.record("the specs are applied")
                    return
                }
                try await fixture.pool.execute("DELETE FROM spec_environment")
                guard case .upToDate = await loop("staging").attempt(commit: nil) else {
                    Issue.record("nothing is left to do")
                    return
                }
                guard case .failed(let reason, _) = await loop("production").attempt(commit: nil) else {
                    Issue.record("another environment is refused")
                    return
                }
                #expect(reason.contains("environment `staging`"))
                #expect(try await Self.rate(fixture) == 5)
            }
        }
    }

    @Test func theFingerprintChangesWithTheValuesOfTheEnvironmentOnly() async throws {
        try await Self.withFolder { root in
            let folder = SpecsFolder(path: root, environment: "staging")
            let (first, content) = (await folder.fingerprint(), await folder.contentDigest())
            try Data("rate: 51\n".utf8).write(to: URL(filePath: root + "/../environments/production.yaml"))
            #expect(await folder.fingerprint() == first)
            try Data("rate: 6\n".utf8).write(to: URL(filePath: root + "/../environments/staging.yaml"))
            #expect(await folder.fingerprint() != first)
            #expect(await folder.contentDigest() != content)
            #expect(await SpecsFolder(path: root, environment: "production").contentDigest() != content)
        }
    }
}
