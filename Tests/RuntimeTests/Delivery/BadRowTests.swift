import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// One bad row among good ones: it ends alone, and the others are sent.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(3)))
struct BadRowTests {
    private struct Failure {
        let position: Int
        let code: String
        let text: String
    }

    /// The failed messages of a campaign.
    private static func failures(_ fixture: DeliveryFixture) async throws -> [Failure] {
        try await fixture.pool.query(
            """
            SELECT position, "errorCode", "errorMessage" FROM campaign_messages WHERE status = 'failed' ORDER BY position
            """
        ).map { Failure(position: try $0.decode(0), code: try $0.decode(1), text: try $0.decode(2)) }
    }

    /// Allows what a table of another system allows.
    private static func loosen(_ fixture: DeliveryFixture) async throws {
        for column in ["metadata", "messageCount", "tags", "optedIn"] {
            try await fixture.pool.execute("ALTER TABLE contacts ALTER COLUMN \(identifier: column) DROP NOT NULL")
        }
    }

    @Test func contactsWithoutValuesGetTheirMessages() async throws {
        try await DeliveryFixture.with(contacts: 100, text: "Hello {{name}} {{messageCount|no}} {{metadata.x|you}}") {
            fixture in
            try await Self.loosen(fixture)
            try await fixture.pool.execute(
                """
                UPDATE contacts SET metadata = NULL, "messageCount" = NULL, tags = NULL
                WHERE (metadata ->> 'number')::int % 3 = 0
                """
            )
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 100)
        }
    }

    @Test func consentThatIsNullIsNone() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            try await Self.loosen(fixture)
            let run = try await fixture.launch()
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = NULL WHERE (metadata ->> 'number')::int IN (3, 4)"
            )
            try await fixture.withDelivery { try await fixture.completes(run) }
            let cancelled = try await fixture.pool.query(
                "SELECT count(*) FROM campaign_messages WHERE status = 'cancelled' AND \"errorCode\" = 'opted_out'"
            )
            #expect(try cancelled[0].decode(0, as: Int.self) == 2)
            #expect(fixture.simulator.summary().accepted == 8)
        }
    }

    @Test func aValueThatCannotBeReadFailsThatMessageAlone() async throws {
        try await DeliveryFixture.with(contacts: 20, text: "Hello {{firstSeen}}") { fixture in
            try await fixture.pool.execute(
                """
                UPDATE contacts SET "firstSeen" = CASE WHEN (metadata ->> 'number')::int = 7 THEN 'infinity' ELSE now() END
                """
            )
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 20, failed: 1)
            let failures = try await Self.failures(fixture)
            #expect(failures.map(\.code) == ["unreadable_value"])
            #expect(failures.first?.text.contains("\"firstSeen\"") == true, "\(failures)")
        }
    }

    /// Makes Postgres refuse to move one message to a status.
    private static func refuse(_ status: MessageStatus, position: Int, in fixture: DeliveryFixture) async throws {
        try await fixture.pool.withConnection { connection in
            try await connection.simpleScript(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'this row is refused'; END $$;
                CREATE TRIGGER refused BEFORE UPDATE ON campaign_messages FOR EACH ROW
                WHEN (NEW.status = '\(status.rawValue)' AND NEW.position = \(position)) EXECUTE FUNCTION refuse()
                """
            )
        }
    }

    @Test func aMessageThatCannotBeClaimedIsParkedAlone() async throws {
        try await DeliveryFixture.with(contacts: 30) { fixture in
            let run = try await fixture.launch()
            try await Self.refuse(.sending, position: 5, in: fixture)
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 30, failed: 1)
            let failures = try await Self.failures(fixture)
            #expect(failures.map(\.position) == [5] && failures.map(\.code) == ["unclaimable"])
            #expect(failures.first?.text.contains("this row is refused") == true, "\(failures)")
        }
    }

    @Test func anOutcomeThatCannotBeWrittenKeepsNoOtherWaiting() async throws {
        try await DeliveryFixture.with(contacts: 30) { fixture in
            let run = try await fixture.launch()
            try await Self.refuse(.sent, position: 5, in: fixture)
            try await fixture.withDelivery(leases: LaneLeases(flight: .seconds(3)), requestTimeout: .seconds(1)) {
                try await eventually("the others are sent") {
                    try await fixture.statuses() == [.sent: 29, .unconfirmed: 1]
                }
            }
            #expect(fixture.simulator.summary().recipientsAcceptedMoreThanOnce == 0)
            try await fixture.expectCountersEqualRows(run)
        }
    }

    @Test func aBrokenLaunchHoldsUpNoOther() async throws {
        try await DeliveryFixture.with(contacts: 5) { fixture in
            let launches = LaunchRepository(pool: fixture.pool)
            func open(_ campaign: String) async throws -> UUID {
                switch try await launches.open(campaign: campaign, tenant: DeliveryFixture.tenant, now: Date()) {
                case .opened(let run), .underWay(let run), .over(let run): run.id
                }
            }
            let run = try await open(DeliveryFixture.campaign)
            // The first launch has lost its audience; the second one is fine.
            try await fixture.pool.execute("UPDATE campaign_revisions SET content = content - 'audience'")
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
                SELECT "tenantId", 'second', type, "senderId", "messageTemplate", "audienceFilter" FROM campaigns
                """
            )
            let second = try await open("second")
            await withDiscardingTaskGroup { group in
                let launcher = RunLauncher(launches: launches, logger: TestDatabase.logger)
                group.addTask { await launcher.run() }
                do {
                    try await eventually("the second launch goes on") {
                        try await fixture.run(second).status != .launching
                    }
                } catch {
                    Issue.record(error)
                }
                group.cancelAll()
            }
            #expect(try await fixture.run(run).status == .launching)
        }
    }

    @Test func textsThatWhatsAppRefusesAreMendedOrFailAlone() async throws {
        for isStrict in [false, true] {
            try await DeliveryFixture.with(contacts: 20, text: "{{name}}") { fixture in
                try await fixture.pool.execute(
                    "UPDATE contacts SET name = E'Mary\\nWambui' WHERE (metadata ->> 'number')::int = 4"
                )
                try await fixture.pool.execute(
                    "UPDATE contacts SET name = '   ' WHERE (metadata ->> 'number')::int = 6"
                )
                if isStrict {
                    try await fixture.pool.execute(
                        """
                        INSERT INTO tenants ("tenantId", name, "templateText", "managedBy")
                        VALUES (\(DeliveryFixture.tenant), \(DeliveryFixture.tenant), 'strict', 'spec')
                        """
                    )
                }
                let run = try await fixture.launch()
                try await fixture.withDelivery { try await fixture.completes(run) }
                try await fixture.expectDelivered(run, contacts: 20, failed: isStrict ? 2 : 1)
                let codes = try await Self.failures(fixture).map(\.code).sorted()
                #expect(codes == (isStrict ? ["missing_value", "template_text"] : ["missing_value"]))
            }
        }
    }
}
