import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// The tables of moves, the database, and what the repositories do agree about every pair of states.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TransitionTests {
    @Test func theDatabaseAllowsTheMovesOfCampaignsAndNoOthers() async throws {
        try await Fixture.with { fixture in
            let stored = try await fixture.column(
                "SELECT \"from\" || ' ' || \"to\" FROM campaign_status_moves",
                as: String.self
            )
            let moves = Set(CampaignStatus.moves.filter { $0.from != $0.to }.map { "\($0.from) \($0.to)" })
            #expect(Set(stored) == moves)
            let id = try await fixture.addCampaign()
            for from in CampaignStatus.allCases {
                for to in CampaignStatus.allCases where from != to {
                    try await Self.put(id, into: from, in: fixture)
                    let query: PostgresQuery = "UPDATE campaigns SET status = \(to) WHERE id = \(id)"
                    if moves.contains("\(from) \(to)") {
                        try await fixture.pool.execute(query)
                    } else {
                        await #expect(throws: PostgresError.self, "\(from) to \(to)") {
                            try await fixture.pool.execute(query)
                        }
                    }
                }
            }
        }
    }

    @Test func eventsMoveCampaignsOutOfTheirSourcesOnly() async throws {
        try await Fixture.with { fixture in
            let id = try await fixture.addCampaign()
            for event in CampaignStatus.Event.allCases where event != .reserved {
                for from in CampaignStatus.allCases {
                    try await Self.put(id, into: from, in: fixture)
                    let moved = try await fixture.pool.execute(CampaignStatus.moving(event, where: "c.id = \(id)"))
                    let isAllowed = CampaignStatus.sources(of: event).contains(from)
                    #expect(moved == (isAllowed ? 1 : 0), "\(event) in \(from)")
                    let now: CampaignStatus = try await fixture.value("SELECT status FROM campaigns WHERE id = \(id)")
                    #expect(isAllowed ? CampaignStatus.targets(of: event).contains(now) : now == from)
                }
            }
        }
    }

    @Test func eventsMoveRunsOutOfTheirSourcesOnly() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(1)
            let run = try await fixture.launch()
            for event in RunStatus.Event.allCases {
                for from in RunStatus.allCases {
                    try await fixture.pool.execute("UPDATE campaign_runs SET status = \(from) WHERE id = \(run)")
                    let moved = try await fixture.pool.execute(RunStatus.moving(event, where: "r.id = \(run)"))
                    let isAllowed = RunStatus.sources(of: event).contains(from)
                    #expect(moved == (isAllowed ? 1 : 0), "\(event) in \(from)")
                    let now: RunStatus = try await fixture.value("SELECT status FROM campaign_runs WHERE id = \(run)")
                    #expect(isAllowed ? RunStatus.targets(of: event).contains(now) : now == from)
                }
            }
        }
    }

    @Test(arguments: [RunStatus.Event.pause, .resume, .cancel, .complete])
    func repositoriesMoveRunsAsTheTableSays(_ event: RunStatus.Event) async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(1)
            let runs = RunRepository(pool: fixture.pool)
            for from in RunStatus.allCases {
                try await fixture.addCampaign("in-\(from)")
                let run = try await fixture.launch("in-\(from)")
                try await fixture.pool.execute("DELETE FROM campaign_messages WHERE \"runId\" = \(run)")
                try await fixture.pool.execute(
                    "UPDATE campaign_runs SET status = \(from), pending = 0 WHERE id = \(run)"
                )
                switch event {
                case .pause: _ = try await runs.pause(run, reason: "a test")
                case .resume: _ = try await runs.resume(run)
                case .cancel: _ = try await runs.cancel(run, reason: "a test")
                case .complete: _ = try await runs.completeFinished(unconfirmedTimeout: .zero)
                case .launched, .tokensMissing, .quotaExhausted: Issue.record("\(event) has no method of its own")
                }
                let now: RunStatus = try await fixture.value("SELECT status FROM campaign_runs WHERE id = \(run)")
                let isAllowed = RunStatus.sources(of: event).contains(from)
                #expect(isAllowed ? RunStatus.targets(of: event).contains(now) : now == from, "\(event) in \(from)")
            }
        }
    }

    @Test func statesOfTheDatabaseAreThoseOfTheCode() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let types = [
                ("campaign_status_enum", CampaignStatus.allCases.map(\.rawValue)),
                ("campaign_run_status_enum", RunStatus.allCases.map(\.rawValue)),
                ("campaign_message_status_enum", MessageStatus.allCases.map(\.rawValue)),
                ("campaign_chunk_status_enum", ChunkStatus.allCases.map(\.rawValue)),
            ]
            for (type, states) in types {
                let stored = try await fixture.column(
                    "SELECT enumlabel::text FROM pg_enum WHERE enumtypid = \(type)::regtype ORDER BY enumsortorder",
                    as: String.self
                )
                #expect(stored == states, "\(type)")
            }
        }
    }

    /// Puts a campaign into any state: the database trigger checks only updates of the status.
    private static func put(_ id: UUID, into status: CampaignStatus, in fixture: Fixture) async throws {
        try await fixture.pool.transaction { connection in
            try await connection.execute("ALTER TABLE campaigns DISABLE TRIGGER campaign_status_move")
            try await connection.execute("UPDATE campaigns SET status = \(status) WHERE id = \(id)")
            try await connection.execute("ALTER TABLE campaigns ENABLE TRIGGER campaign_status_move")
        }
    }
}
