import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Runtime

/// What a launch was estimated to cost is what WhatsApp charges, if everything arrives.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct CostDeliveryTests {
    /// Millionths of a dollar, by the market of the numbers that begin so.
    private static let prices = [
        // +1 809 is no number of North America.
        ("+254", "Rest of Africa", 22_500), ("+91", "India", 11_800), ("+1809", "Rest of Latin America", 74_000),
    ]

    @Test(.timeLimit(.minutes(3)))
    func theEstimateIsWhatIsCharged() async throws {
        try await DeliveryFixture.with(contacts: 40) { fixture in
            // Three in ten people are elsewhere.
            for (index, (start, _, _)) in Self.prices.enumerated() {
                try await fixture.pool.execute(
                    """
                    UPDATE contacts SET "contactId" = \(start) || '7000' || substr("contactId", 9)
                    WHERE right("contactId", 1) = \(String(2 * index + 1))
                    """
                )
            }
            var markets: [String: RateCard.Rates] = ["Brazil": [.marketing: 62_500]]
            for (_, market, rate) in Self.prices { markets[market] = [.marketing: rate] }
            let book = RateBook(cards: [RateCard(from: "2025-01-01", currency: "USD", markets: markets)])
            try await fixture.pool.transaction {
                try await RateRepository.store(book, of: [DeliveryFixture.tenant], on: $0)
            }
            let run = try await fixture.launch()
            let estimate = try #require(try await fixture.run(run).estimatedCost)
            #expect(estimate.low == estimate.high && estimate.unpriced == 0)
            #expect(estimate.low == 4 * (22_500 + 11_800 + 74_000) + 28 * 62_500)
            try await fixture.withDaemon { _ in
                try await fixture.completes(run)
                let charges = ChargeRepository(pool: fixture.pool)
                let campaign = try await fixture.run(run).campaignID
                try await eventually(within: .seconds(60), "everything that arrived is charged") {
                    try await charges.charged(campaign: campaign, tenant: DeliveryFixture.tenant, run: run).paid == 40
                }
                let charged = try await charges.charged(campaign: campaign, tenant: DeliveryFixture.tenant, run: run)
                #expect(charged.micros == estimate.low && charged.currency == estimate.currency)
                let lines = Dictionary(uniqueKeysWithValues: charged.lines.map { ($0.market, $0.messages) })
                #expect(lines == Dictionary(uniqueKeysWithValues: estimate.lines.map { ($0.market, $0.messages) }))
            }
        }
    }
}
