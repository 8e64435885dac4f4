import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// National numbers of a tenant's country in events.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TenantCountryTests {
    @Test(arguments: [("KE", 1), ("DE", 0), (nil, 0)])
    func anEventWithANationalNumberFindsItsContact(country: String?, messages: Int) async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(1)
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, country) VALUES ('acme', 'acme', \(country))"
            )
            let outcome = try await fixture.fire([TriggerRequest(contactID: "0700 000 001")])[0]
            #expect(outcome.matched.count == messages)
            #expect(outcome.refused.map(\.reason) == (messages == 0 ? [.noContact] : []))
            #expect(
                try await ContactImportRepository(pool: fixture.pool).country(of: "acme")?.countries.first == country
            )
        }
    }
}
