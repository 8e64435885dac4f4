import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct DigestTests {
    @Test func isTheSameForTheSamePlanOnly() async throws {
        try await ReconcilerFixture.with { fixture in
            let first = try await fixture.plan(Samples.all).digest
            #expect(try await fixture.plan(Samples.all).digest == first)
            #expect(try await fixture.plan(Samples.all.replacing("env:TOKEN", with: "env:T")).digest != first)
            #expect(try await fixture.plan("").digest != first)
        }
    }

    @Test func doesNotDependOnCountedRecipients() async throws {
        try await ReconcilerFixture.with { fixture in
            let first = try await fixture.plan(Samples.all)
            try await fixture.addContacts(5, inWindow: 2)
            let second = try await fixture.plan(Samples.all)
            #expect(second.digest == first.digest)
            #expect(second.changes.compactMap(\.impact) != first.changes.compactMap(\.impact))
        }
    }

    @Test func ofAnotherStateIsRefused() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            let desired = try ReconcilerFixture.desired(Samples.all.replacing("env:TOKEN", with: "env:OTHER"))
            let plan = try await fixture.plan(desired)
            try await fixture.pool.execute("UPDATE senders SET \"ratePerSecond\" = 1")
            let before = try await fixture.fingerprint()
            let error = await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
            guard case .staleDigest(let expected, let actual)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(expected == plan.digest && actual != expected)
            #expect(try await fixture.fingerprint() == before)
        }
    }

    @Test func isValidForOneApplication() async throws {
        try await ReconcilerFixture.with { fixture in
            let desired = try ReconcilerFixture.desired(Samples.all)
            let plan = try await fixture.plan(desired)
            try await fixture.apply(plan, desired)
            await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
            // The state is the same again, but rows were changed: the digest must differ.
            for table in ["campaign_revisions", "campaigns", "audiences", "templates", "senders"] {
                try await fixture.pool.execute("DELETE FROM \(identifier: table)")
            }
            let again = try await fixture.plan(desired)
            #expect(ReconcilerFixture.lines(again) == ReconcilerFixture.lines(plan))
            #expect(again.digest != plan.digest)
            await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
        }
    }

    @Test func oneOfManyConcurrentApplicationsWins() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.all)
            for round in 1...5 {
                // Makes different plans from the same state.
                var wishes: [(Plan, DesiredState)] = []
                for number in 1...4 {
                    let name = "name: n\(round)-\(number)\nphone"
                    let extra = Samples.sender.replacing("name: main\nphone", with: name)
                    let desired = try ReconcilerFixture.desired(Samples.all + "\n---\n" + extra)
                    wishes.append((try await fixture.plan(desired), desired))
                }
                let won = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for (plan, desired) in wishes {
                        group.addTask {
                            do {
                                return try await fixture.apply(plan, desired) != nil
                            } catch let error as ReconcileError {
                                switch error {
                                case .lockBusy, .staleDigest: return false
                                default: throw error
                                }
                            }
                        }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(won == 1)
                #expect(try await fixture.count("SELECT count(*) FROM reconcile_history") == round + 1)
            }
        }
    }

    @Test func aBusyLockNamesItsHolder() async throws {
        try await ReconcilerFixture.with { fixture in
            var configuration = fixture.configuration
            configuration.applicationName = "someone-else"
            let holder = try await PostgresConnection.connect(configuration)
            let desired = try ReconcilerFixture.desired(Samples.all)
            let plan = try await fixture.plan(desired)
            try await holder.transaction { connection in
                let isTaken = try await ReconcileLock.take(on: connection)
                #expect(isTaken)
                let error = await #expect(throws: ReconcileError.self) { try await fixture.apply(plan, desired) }
                guard case .lockBusy(let found?)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(found.processID == Int(holder.processID))
                #expect(found.applicationName == "someone-else")
                #expect(!found.since.isEmpty)
                // Planning needs no lock.
                let second = try await fixture.plan(desired)
                #expect(second.digest == plan.digest)
            }
            await holder.close()
            #expect(try await fixture.apply(plan, desired) != nil)
        }
    }
}
