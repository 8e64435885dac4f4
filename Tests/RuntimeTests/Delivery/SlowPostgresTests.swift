import Postgres
import Store
import TestSupport
import Testing

@testable import Runtime

/// Sending while each statement in Postgres takes longer than the usual lead time of slots.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct SlowPostgresTests {
    @Test func messagesAreReservedEarlierInsteadOfTooLate() async throws {
        try await DeliveryFixture.with(contacts: 60, rate: 80) { fixture in
            let run = try await fixture.launch()
            try await fixture.pool.execute(
                """
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(0.35); RETURN NULL; END $$
                """
            )
            try await fixture.pool.execute(
                "CREATE TRIGGER slow AFTER UPDATE ON campaign_messages EXECUTE FUNCTION slow()"
            )
            try await fixture.withDelivery { try await fixture.completes(run, within: .seconds(60)) }
            try await fixture.expectDelivered(run, contacts: 60)
            try await fixture.expectNoResidue()
        }
    }
}
