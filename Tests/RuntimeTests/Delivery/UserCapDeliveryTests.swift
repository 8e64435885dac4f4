import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// WhatsApp's cap for a person, in answers and in reports, with daemons and a receiver.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct UserCapDeliveryTests {
    private static func setRule(_ fixture: DeliveryFixture) async throws {
        try await fixture.pool.execute(
            "UPDATE campaigns SET \"onUserCap\" = '{\"action\": \"retry\", \"every\": \"1d\", \"until\": \"3d\"}'"
        )
    }

    private static func pass(_ hours: Double, _ fixture: DeliveryFixture) async throws {
        try await fixture.pool.execute(
            """
            UPDATE campaign_messages SET "cappedSince" = "cappedSince" - \(hours) * interval '1 hour',
                "cappedAt" = "cappedAt" - \(hours) * interval '1 hour'
            WHERE "cappedSince" IS NOT NULL
            """
        )
        try await fixture.pool.execute(
            "UPDATE capped_messages SET \"dueAt\" = \"dueAt\" - \(hours) * interval '1 hour'"
        )
    }

    private static func faults(_ change: (inout SimulatorFaults) -> Void) -> SimulatorFaults {
        var faults = SimulatorFaults()
        change(&faults)
        return faults
    }

    private static func capped(_ run: UUID, _ count: Int, _ fixture: DeliveryFixture) async throws {
        try await eventually(within: .seconds(90), "\(count) messages wait for the cap") {
            let counters = try await fixture.run(run).counters
            return counters.capped == count && counters.open == count
        }
    }

    @Test(arguments: [Int?.none, 1_000])
    func answersWithTheCapAreTriedAgainDaysLater(dailyLimit: Int?) async throws {
        let faults = Self.faults { faults in
            for number in 1...4 { faults.recipientErrors[DeliveryFixture.phone(number)] = 131_049 }
        }
        try await DeliveryFixture.with(contacts: 12, faults: faults, dailyLimit: dailyLimit) { fixture in
            try await Self.setRule(fixture)
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await Self.capped(run, 4, fixture)
                try await fixture.expectNoResidue()
                try await Self.pass(25, fixture)
                try await eventually("they are refused again") {
                    fixture.simulator.summary().requests >= 16
                }
                try await Self.capped(run, 4, fixture)
                try fixture.simulator.setFaults(SimulatorFaults())
                // Redis loses everything meanwhile: Postgres knows when they are due.
                for key in try await TestRedis.keys(of: fixture.group, on: fixture.redis) {
                    _ = try await fixture.redis.send(RedisCommand("DEL", .text(key)))
                }
                try await Self.pass(25, fixture)
            }
            try await fixture.withDelivery(unconfirmedTimeout: .seconds(1)) { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 12)
            #expect(try await fixture.run(run).counters.capped == 0)
        }
    }

    /// With a whole daemon, which takes the reports.
    @Test func reportsOfTheCapAreTriedAgainDaysLater() async throws {
        let faults = Self.faults { faults in
            for number in 1...3 { faults.recipientFailures[DeliveryFixture.phone(number)] = 131_049 }
        }
        try await DeliveryFixture.with(contacts: 9, faults: faults) { fixture in
            try await Self.setRule(fixture)
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in
                try await Self.capped(run, 3, fixture)
                #expect(try await fixture.run(run).counters[.failed] == 0)
                try fixture.simulator.setFaults(SimulatorFaults())
                try await Self.pass(25, fixture)
                try await fixture.completes(run)
            }
            let rows = try await fixture.statuses()
            let arrived: Int = rows[.delivered, default: 0] + rows[.read, default: 0]
            #expect(arrived == 9, "\(rows)")
            try await fixture.expectCountersEqualRows(run)
            try await fixture.expectNoResidue()
        }
    }

    @Test func withoutARuleTheMessagesFail() async throws {
        let faults = Self.faults { $0.recipientErrors[DeliveryFixture.phone(1)] = 131_049 }
        try await DeliveryFixture.with(contacts: 4, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 4, failed: 1)
        }
    }
}
