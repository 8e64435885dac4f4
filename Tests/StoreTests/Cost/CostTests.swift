import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The estimates of launches, and the charges of reports.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct CostTests {
    private static let book = RateBook(cards: [
        RateCard(
            from: "2025-01-01",
            currency: "USD",
            markets: [
                "Rest of Africa": [.marketing: 20_000, .utility: 4_000, .service: 4_000],
                "South Africa": [.marketing: 37_900],
            ]
        )
    ])

    private static func store(_ book: RateBook?, _ fixture: Fixture) async throws {
        try await fixture.pool.transaction { try await RateRepository.store(book, of: ["acme"], on: $0) }
    }

    private static func open(_ fixture: Fixture) async throws -> RunRecord? {
        let opening = try await LaunchRepository(pool: fixture.pool)
            .open(campaign: "promo", tenant: "acme", now: Fixture.now)
        guard case .opened(let run) = opening else { return nil }
        return run
    }

    private static func report(
        _ id: UUID,
        _ rank: DeliveryStatus.Rank,
        _ pricing: String?,
        at time: Date = Fixture.now,
        _ fixture: Fixture
    ) async throws {
        let status = DeliveryStatus(waMessageID: "wamid.\(id)", messageID: id, rank: rank, at: time, pricing: pricing)
        _ = try await MessageRepository(pool: fixture.pool).report([status])
    }

    @Test func theLaunchStoresItsEstimate() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(4, inWindow: 1)
            try await Self.store(Self.book, fixture)
            let run = try #require(try await Self.open(fixture))
            let cost = try #require(run.estimatedCost)
            #expect(cost.currency == "USD" && cost.high == cost.low)
            #expect(cost.lines.map(\.messages).reduce(0, +) + cost.unpriced + cost.free == 4)
        }
    }

    @Test func aRetryTellsItsCosts() async throws {
        try await Fixture.with { fixture in
            let (_, ids) = try await fixture.sentCampaign(contacts: 6, failing: [0: "1", 1: "2", 2: "2"])
            #expect(try await fixture.retries.preview(.name("promo"), tenant: "acme").cost == nil)
            try await Self.store(Self.book, fixture)
            func messages(_ cost: CostEstimate?) throws -> Int {
                let cost = try #require(cost)
                return cost.lines.map(\.messages).reduce(0, +) + cost.free + cost.unpriced
            }
            let chosen = try await fixture.retries.preview(.name("promo"), tenant: "acme", codes: ["2"])
            #expect(try messages(chosen.cost) == 2 && chosen.others == 1)
            let all = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(try messages(all.cost) == 3 && ids.count == 6)
            #expect(all.codes.map(\.code) == ["2", "1"])
            let run = try await fixture.retry().run
            #expect(run.estimatedCost == all.cost && run.recipientCount == 3)
        }
    }

    @Test func withoutPricesNothingIsEstimated() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(2)
            #expect(try await Self.open(fixture)?.estimatedCost == nil)
        }
    }

    @Test func aLaunchAboveTheLimitIsRefused() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.pool.execute("UPDATE campaigns SET \"managedBy\" = 'spec'")
            try await fixture.addContacts(3)
            try await fixture.pool.execute(
                "UPDATE contacts SET \"contactId\" = '25470000000' || right(\"contactId\", 1)"
            )
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, policy) VALUES ('acme', 'acme', '{\"maxCost\": \"USD 0.05\"}')"
            )
            let unknown = await #expect(throws: LaunchError.self) { try await Self.open(fixture) }
            #expect(unknown?.description.contains("there are no prices in USD for that day") == true)
            try await Self.store(Self.book, fixture)
            let dear = await #expect(throws: LaunchError.self) { try await Self.open(fixture) }
            #expect(
                dear?.description == "campaign `promo` may cost USD 0.06, and the policy of its tenant allows USD 0.05"
            )
            try await fixture.pool.execute("UPDATE campaigns SET \"allowedPolicy\" = '{\"maxCost\": \"USD0.06\"}'")
            #expect(try await Self.open(fixture)?.estimatedCost?.high == 60_000)
        }
    }

    /// A recipient without a price is not free: the limit refuses it until a reviewer allows it.
    @Test func aLaunchToAMarketWithoutAPriceIsRefused() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.pool.execute("UPDATE campaigns SET \"managedBy\" = 'spec'")
            try await fixture.addContacts(3)
            try await fixture.pool.execute(
                "UPDATE contacts SET \"contactId\" = '8210000000' || right(\"contactId\", 1) WHERE right(\"contactId\", 1) = '1'"
            )
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, policy) VALUES ('acme', 'acme', '{\"maxCost\": \"USD 250\"}')"
            )
            try await Self.store(Self.book, fixture)
            let unknown = await #expect(throws: LaunchError.self) { try await Self.open(fixture) }
            #expect(
                unknown?.description.hasPrefix("campaign `promo` has 1 recipient whose marketing price is not known")
                    == true
                    && unknown?.description.contains("`Other`") == true,
                "\(unknown?.description ?? "")"
            )
            // Less than the limit of the policy says nothing about prices that are not known.
            try await fixture.pool.execute("UPDATE campaigns SET \"allowedPolicy\" = '{\"maxCost\": \"USD0.06\"}'")
            await #expect(throws: LaunchError.self) { try await Self.open(fixture) }
            try await fixture.pool.execute("UPDATE campaigns SET \"allowedPolicy\" = '{\"maxCost\": \"USD250.00\"}'")
            #expect(try await Self.open(fixture)?.estimatedCost?.unpricedMarkets == ["Other"])
        }
    }

    /// Reports come twice, out of order, with the price in one of them only, and `read` without `delivered`.
    @Test func eachMessageIsChargedOnce() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 5)
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sent', \"recipientPhone\" = '+254700000001'"
            )
            try await Self.store(Self.book, fixture)
            let ids = try await fixture.ids(of: run)
            let paid = "regular/marketing"
            for _ in 0..<2 {
                try await Self.report(ids[0], .sent, paid, fixture)
                try await Self.report(ids[0], .delivered, nil, fixture)
                try await Self.report(ids[0], .read, nil, fixture)
            }
            for _ in 0..<2 { try await Self.report(ids[1], .read, paid, fixture) }
            try await Self.report(ids[1], .delivered, paid, fixture)
            // The price comes after the arrival.
            try await Self.report(ids[2], .delivered, nil, fixture)
            try await Self.report(ids[2], .sent, "free_entry_point/referral_conversion", fixture)
            // What fails is not paid.
            try await Self.report(ids[3], .sent, paid, fixture)
            try await Self.report(ids[3], .failed, nil, fixture)
            let campaign = try await fixture.value("SELECT id FROM campaigns", as: UUID.self)
            let charges = ChargeRepository(pool: fixture.pool)
            let cost = try await charges.charged(campaign: campaign, tenant: "acme", run: run)
            #expect((cost.paid, cost.free, cost.micros) == (2, 1, 40_000))
            #expect(cost.lines.map(\.market) == ["Rest of Africa", "Rest of Africa"])
            // It does not depend on the rows of the messages.
            try await fixture.pool.execute("DELETE FROM campaign_messages")
            #expect(try await charges.charged(campaign: campaign, tenant: "acme") == cost)
            #expect(try await charges.charged(campaign: campaign, tenant: "other").lines.isEmpty)
        }
    }

    /// A person is erased between the acceptance and the report: of the number, the country is kept.
    @Test func whoeverIsErasedIsChargedInTheirMarket() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET status = 'sent', "waMessageId" = 'wamid.' || id,
                    "recipientPhone" = (SELECT '+' || c."contactId" FROM contacts c WHERE c.id = "campaign_messages"."contactId")
                """
            )
            try await Self.store(Self.book, fixture)
            let key = ErasureKey(String(repeating: "k", count: 32))
            let people = try await fixture.column("SELECT \"contactId\" FROM contacts ORDER BY 1", as: String.self)
            for _ in 0..<2 {
                _ = try await ContactErasure(pool: fixture.pool, key: key).erase(people[0], tenant: "acme")
            }
            let starts = try await fixture.column(
                "SELECT \"numberStart\" FROM campaign_messages WHERE \"numberStart\" IS NOT NULL",
                as: String.self
            )
            #expect(starts == ["254"])
            for id in try await fixture.ids(of: run) {
                try await Self.report(id, .delivered, "regular/marketing", fixture)
            }
            let beginnings = try await fixture.column("SELECT DISTINCT beginning FROM run_charges", as: String.self)
            #expect(beginnings == ["254"])
            // Of what was erased before, no country is known.
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sent', pricing = NULL, \"numberStart\" = NULL WHERE \"recipientPhone\" = ''"
            )
            for id in try await fixture.ids(of: run) { try await Self.report(id, .read, "regular/utility", fixture) }
            let unknown = try await fixture.column(
                "SELECT beginning FROM run_charges WHERE category = 'utility'",
                as: String.self
            )
            #expect(unknown == [""])
        }
    }

    /// The day of the arrival counts, whichever report brings the price.
    @Test func theDayOfTheArrivalIsThatOfThePrice() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sent', \"recipientPhone\" = '+254700000001'"
            )
            let september = Date(timeIntervalSince1970: 1_790_772_300)  // 2026-09-30T12:45:00Z
            let october = september.addingTimeInterval(2 * 86_400)
            let ids = try await fixture.ids(of: run)
            try await Self.report(ids[0], .delivered, nil, at: september, fixture)
            try await Self.report(ids[0], .read, "regular/marketing", at: october, fixture)
            try await Self.report(ids[1], .read, nil, at: october, fixture)
            try await Self.report(ids[1], .delivered, "regular/marketing", at: september, fixture)
            let days = try await fixture.column("SELECT DISTINCT \"chargedAt\" FROM run_charges", as: Date.self)
            #expect(days == [september])
        }
    }

    /// The price of the day on the tenant's clock counts, to a quarter of an hour at the change; any month may bring prices.
    @Test(arguments: [
        ("Africa/Nairobi", "2026-10-01", 1_790_802_000.0), ("Pacific/Kiritimati", "2026-11-01", 1_793_440_800),
        ("Pacific/Pago_Pago", "2026-11-01", 1_793_530_800),
    ])
    func theQuarterOfTheArrivalIsKept(zone: String, day: String, seconds: Double) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 4)
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sent', \"recipientPhone\" = '254700000001'"
            )
            let markets: [String: RateCard.Rates] = ["Rest of Africa": [.marketing: 1]]
            let later: [String: RateCard.Rates] = ["Rest of Africa": [.marketing: 100]]
            let book = RateBook(cards: [
                RateCard(from: "2025-01-01", currency: "USD", markets: markets),
                RateCard(from: day, currency: "USD", markets: later),
            ])
            try await Self.store(book, fixture)
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, \"timeZone\") VALUES ('acme', 'acme', \(zone))"
            )
            let midnight = Date(timeIntervalSince1970: seconds)
            let ids = try await fixture.ids(of: run)
            for (id, seconds) in zip(ids, [-40 * 86_400, -1, 0, 40 * 86_400] as [Double]) {
                try await Self.report(
                    id,
                    .delivered,
                    "regular/marketing",
                    at: midnight.addingTimeInterval(seconds),
                    fixture
                )
            }
            let campaign = try await fixture.value("SELECT id FROM campaigns", as: UUID.self)
            let cost = try await ChargeRepository(pool: fixture.pool).charged(campaign: campaign, tenant: "acme")
            #expect(cost.micros == 202)
        }
    }

    @Test func aParkedReportKeepsItsPrice() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            let id = try #require(try await fixture.ids(of: run).first)
            let messages = MessageRepository(pool: fixture.pool)
            let status = DeliveryStatus(
                waMessageID: "wamid.late",
                messageID: nil,
                rank: .delivered,
                at: Fixture.now,
                pricing: "regular/utility"
            )
            try await messages.park(try await messages.apply([status]))
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'sent', \"waMessageId\" = 'wamid.late' WHERE id = \(id)"
            )
            try await messages.applyParked()
            let types = try await fixture.column("SELECT type || ' ' || category FROM run_charges", as: String.self)
            #expect(types == ["regular utility"])
        }
    }
}
