import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// The campaign that a name means.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct NamedCampaignTests {
    private static func campaign(_ age: Double, isManaged: Bool = false, isArchived: Bool = false) -> NamedCampaign {
        NamedCampaign(
            id: UUID(),
            tenantID: "acme",
            name: "offer",
            status: .draft,
            isManaged: isManaged,
            isArchived: isArchived,
            createdAt: Fixture.now - age
        )
    }

    @Test func aNameMeansTheCampaignOfASpecOrElseTheOnlyOne() {
        let (managed, draft, newer) = (Self.campaign(30, isManaged: true), Self.campaign(20), Self.campaign(10))
        let gone = Self.campaign(5, isManaged: true, isArchived: true)
        #expect(NameMeaning(among: []) == .none)
        #expect(NameMeaning(among: [draft]) == .one(draft))
        #expect(NameMeaning(among: [draft, managed, newer]) == .one(managed))
        #expect(NameMeaning(among: [draft, newer]) == .several([newer, draft]))
        #expect(NameMeaning(among: [draft, gone]) == .one(draft))
        #expect(NameMeaning(among: [gone]) == .one(gone))
    }

    @Test func aLaunchByNameNeverTakesADraftForTheReviewedCampaign() async throws {
        try await Fixture.with { fixture in
            let reviewed = try await fixture.addCampaign()
            try await fixture.pool.execute("UPDATE campaigns SET \"managedBy\" = 'spec'")
            let copy: PostgresQuery = """
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter", "createdAt")
                SELECT "tenantId", name, type, "senderId", "messageTemplate", "audienceFilter", "createdAt" + interval '1 hour'
                FROM campaigns LIMIT 1
                """
            try await fixture.pool.execute(copy)
            try await fixture.addContacts(1)
            let run = try await fixture.launch()
            let launched = try await fixture.value(
                "SELECT \"campaignId\" FROM campaign_runs WHERE id = \(run)",
                as: UUID.self
            )
            #expect(launched == reviewed)
        }
    }

    @Test func severalDraftsOfANameAreRefusedWithTheirIDs() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
                SELECT "tenantId", name, type, "senderId", "messageTemplate", "audienceFilter" FROM campaigns
                """
            )
            let ids = try await fixture.column("SELECT id::text FROM campaigns", as: String.self)
            let refused = await #expect(throws: LaunchError.self) {
                _ = try await LaunchRepository(pool: fixture.pool).open(campaign: "promo", tenant: "acme")
            }
            #expect(ids.allSatisfy { refused?.description.contains($0) == true })
        }
    }
}
