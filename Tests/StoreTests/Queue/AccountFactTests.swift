import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// What webhooks tell of templates, numbers and accounts is kept, and shown where it matters.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AccountFactTests {
    private static let account = "WABA-1"
    private static let message = #"{"type":"template","template":{"name":"hello","language":{"code":"en_US"}}}"#

    /// A run of a template in a known account, with a daemon.
    private static func withRun(_ body: (Fixture, UUID) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(5)
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute(
                """
                UPDATE senders SET "businessAccountId" = 'WABA-1', "displayPhoneNumber" = '+1 555-000-1111', "dailyLimit" = 1000
                """
            )
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            try await body(fixture, run)
        }
    }

    private static func apply(_ fixture: Fixture, _ content: AccountFact.Content, at: Date = Date()) async throws {
        var report = InboundReport()
        report.facts = [AccountFact(businessAccountID: account, at: at, content)]
        try await InboundRepository(pool: fixture.pool).apply(report)
    }

    private static func status(_ status: String, _ reason: String? = nil) -> AccountFact.Content {
        .templateStatus(name: "hello", language: "en-US", status: status, reason: reason)
    }

    @Test func theLatestReportStays() async throws {
        try await Self.withRun { fixture, _ in
            let now = Date()
            try await Self.apply(fixture, Self.status("PAUSED", "FIRST_PAUSE"), at: now)
            try await Self.apply(fixture, .templateQuality(name: "hello", language: "en_US", "RED"), at: now - 60)
            try await Self.apply(fixture, Self.status("APPROVED"), at: now - 60)
            let states = try await fixture.pool.withConnection {
                try await AccountFactRepository.states(of: "acme", names: ["hello"], on: $0)
            }
            #expect(states.map(\.status) == ["PAUSED"] && states.map(\.quality) == ["RED"])
            #expect(states.first?.isStopped == true && states.first?.reason == "FIRST_PAUSE")
            try await Self.apply(fixture, Self.status("APPROVED"), at: now + 1)
            let later = try await fixture.pool.withConnection {
                try await AccountFactRepository.states(of: "acme", names: ["hello"], on: $0)
            }
            #expect(later.map(\.isStopped) == [false])
        }
    }

    /// WhatsApp's webhooks overtake each other.
    @Test(arguments: [true, false])
    func aStopThatALaterReportLiftsStopsNothing(isLifted: Bool) async throws {
        try await Self.withRun { fixture, run in
            let now = Date()
            if isLifted { try await Self.apply(fixture, Self.status("APPROVED"), at: now) }
            var report = InboundReport()
            report.stops = [
                .init(
                    businessAccountID: Self.account,
                    subject: .template(name: "hello", language: "en-US"),
                    reason: "PAUSED",
                    at: now - 60
                )
            ]
            try await InboundRepository(pool: fixture.pool).apply(report)
            let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
            #expect(record.status == (isLifted ? .running : .paused))
        }
    }

    @Test func theLowerLimitHolds() async throws {
        try await Self.withRun { fixture, _ in
            let lanes = LaneRepository(pool: fixture.pool)
            let senders = SenderRepository(pool: fixture.pool)
            for (limit, effective) in [(250, 250), (2_000, 1_000), (nil, 1_000)] as [(Int?, Int)] {
                try await Self.apply(fixture, .messagingLimit(limit))
                #expect(try await lanes.open().map(\.dailyLimit) == [effective])
                #expect(try await senders.all(tenant: "acme").map(\.dailyLimit) == [effective])
                let sender: UUID = try await fixture.value("SELECT id FROM senders")
                let check = try await fixture.pool.withConnection {
                    try await QuotaRepository()
                        .check(sender: sender, audience: AudienceSize(total: 5, inWindow: 0), now: Date(), on: $0)
                }
                #expect(check.quotaStatus.tierLimit == effective)
            }
            // A sender without a limit of its own has WhatsApp's.
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = NULL")
            try await Self.apply(fixture, .messagingLimit(250))
            #expect(try await lanes.open().map(\.dailyLimit) == [250])
            // A sender whose account becomes known later.
            try await fixture.pool.execute("UPDATE senders SET \"messagingLimit\" = NULL, \"businessAccountId\" = NULL")
            var report = InboundReport()
            report.numbers = [.init(phoneNumberID: "1", displayPhoneNumber: nil, businessAccountID: Self.account)]
            try await InboundRepository(pool: fixture.pool).apply(report)
            #expect(try await lanes.open().map(\.dailyLimit) == [250])
        }
    }

    @Test func aRunSaysThatItsTemplateIsBack() async throws {
        try await Self.withRun { fixture, run in
            var report = InboundReport()
            report.stops = [
                .init(
                    businessAccountID: Self.account,
                    subject: .template(name: "hello", language: "en-US"),
                    reason: "PAUSED"
                )
            ]
            report.facts = [AccountFact(businessAccountID: Self.account, at: Date(), Self.status("PAUSED"))]
            try await InboundRepository(pool: fixture.pool).apply(report)
            func waiting() async throws -> Waiting {
                let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
                return try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: record)).waiting
            }
            #expect(try await waiting().reason == .templateNotApproved)
            #expect(
                try await AccountFactRepository(pool: fixture.pool).remarks(ofRun: run).map { $0.prefix(53) }
                    == ["at WhatsApp, template `hello` (en_US) is PAUSED since"]
            )
            try await Self.apply(fixture, Self.status("APPROVED"), at: Date() + 1)
            let back = try await waiting()
            #expect(back.reason == .paused && back.detail?.contains("campaignd resume") == true, "\(back)")
            #expect(try await AccountFactRepository(pool: fixture.pool).remarks(ofRun: run) == [])
        }
    }

    @Test func numbersAndRestrictionsAreTold() async throws {
        try await Self.withRun { fixture, run in
            let facts = AccountFactRepository(pool: fixture.pool)
            let at = Date(timeIntervalSince1970: 1_790_000_000)
            try await Self.apply(fixture, .numberQuality(display: "15550001111", event: "FLAGGED"), at: at)
            try await Self.apply(fixture, .restriction("RESTRICTED_X", until: Date() + 3_600))
            let remarks = try await facts.remarks(ofRun: run)
            #expect(remarks.count == 2 && remarks[0].contains("flagged") && remarks[1].contains("RESTRICTED_X until"))
            try await Self.apply(fixture, .numberQuality(display: "1 555 0001111", event: "UNFLAGGED"))
            try await Self.apply(fixture, .restriction("RESTRICTED_X", until: Date() - 1))
            #expect(try await facts.remarks(ofRun: run) == [])
        }
    }
}
