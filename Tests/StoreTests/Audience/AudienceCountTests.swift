import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The size of an audience, counted or estimated.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AudienceCountTests {
    private static let vips = #"{"logic":"AND","conditions":[{"field":"tags","operator":"contains","value":"vip"}]}"#

    private static func audience() throws -> AudienceQuery.Audience {
        AudienceQuery.Audience(
            tenant: "acme",
            filter: try AudienceFilter(json: .init(parsing: vips)),
            category: .marketing,
            window: ContactWindow(at: Date(), number: nil)
        )
    }

    private static func add(_ count: Int, _ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", tags, "optedIn", "lastSeen")
            SELECT CASE WHEN n % 4 = 0 THEN 'other' ELSE 'acme' END, (254700000000 + n)::text,
                CASE WHEN n % 10 < 5 THEN '{vip}' ELSE '{}' END::text[], n % 5 <> 1, CASE WHEN n % 3 = 0 THEN now() END
            FROM generate_series(1, \(count)) n
            """
        )
    }

    @Test func anEstimateFromAPartIsNearTheCount() async throws {
        try await Fixture.with { fixture in
            try await Self.add(40_000, fixture)
            let audiences = AudienceRepository(pool: fixture.pool)
            let audience = try Self.audience()
            let counted = try await audiences.count(tenant: "acme", filter: audience.filter, now: Date())
            #expect(!counted.isEstimate && counted.contacts.all == 30_000 && counted.size.total == 10_000)
            let estimate = try #require(try await audiences.estimate(audience, now: Date(), pages: 100))
            #expect(estimate.isEstimate)
            for (near, exact) in [
                (estimate.contacts.all, counted.contacts.all), (estimate.size.total, counted.size.total),
                (estimate.size.inWindow, counted.size.inWindow),
                (estimate.size.leftOut.total, counted.size.leftOut.total),
            ] {
                #expect(abs(Double(near - exact)) < 0.3 * Double(exact), "\(near) for \(exact)")
            }
            let again = try await audiences.estimate(audience, now: Date(), pages: 100)
            #expect(again?.contacts == estimate.contacts, "it does not jump while a filter is written")
            #expect(
                try await audiences.estimate(audience, now: Date(), pages: 1_000_000) == nil,
                "all pages are no part"
            )
        }
    }

    @Test func aCountThatCannotBeEstimatedInTimeFails() async throws {
        try await Fixture.with { fixture in
            let audiences = AudienceRepository(pool: fixture.pool)
            let filter = try Self.audience().filter
            try await fixture.pool.withConnection { connection in
                try await connection.transaction { connection in
                    try await connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
                    let limit = Duration.milliseconds(50)
                    await #expect(throws: PostgresError.timeout(limit)) {
                        try await StatementLimit.$current.withValue(limit) {
                            try await audiences.count(tenant: "acme", filter: filter, now: Date())
                        }
                    }
                }
            }
        }
    }

    @Test func scaledNumbersHaveThreeDigits() {
        let size = AudienceSize(total: 1_234, inWindow: 7, leftOut: LeftOut([.optedOut: 99]))
        let scaled = size.scaled(by: 123.4)
        #expect((scaled.total, scaled.inWindow, scaled.leftOut[.optedOut]) == (152_000, 864, 12_200))
        #expect(size.scaled(by: 0).total == 0)
    }
}
