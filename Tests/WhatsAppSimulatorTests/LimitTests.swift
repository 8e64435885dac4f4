import Foundation
import Testing
import WhatsAppSimulator

struct LimitTests {
    @Test func refusesMoreThanTheRateInASecondPerNumber() async throws {
        var configuration = SimulatorConfiguration()
        configuration.limits.ratePerSecond = 3
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            // A slow machine may need more than a second for four requests, but not for ever.
            #expect(try await eventually { try await caller.text(to: Caller.number(1)).code == 130_429 })
            #expect(try await caller.text(to: Caller.number(2), sender: "2").status == 200)
            #expect(try await eventually { try await caller.text(to: Caller.number(3)).status == 200 })
            #expect(simulator.summary().mostAcceptedInOneSecond == [Caller.sender: 3, "2": 1])
        }
    }

    @Test func refusesABurstToOneRecipientOnly() async throws {
        var configuration = SimulatorConfiguration()
        configuration.limits.pairInterval = .seconds(60)
        configuration.limits.pairBurst = 2
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            var codes: [Int?] = []
            for _ in 0..<3 { codes.append(try await caller.text(to: Caller.number(1)).code) }
            #expect(codes == [nil, nil, 131_056])
            #expect(try await caller.text(to: Caller.number(2)).status == 200)
            #expect(try await caller.text(to: Caller.number(1), sender: "2").status == 200)
        }
    }

    @Test func refusesNewRecipientsBeyondTheDailyLimit() async throws {
        var configuration = SimulatorConfiguration()
        configuration.limits.dailyLimit = 2
        try await Simulator.withRunning(configuration: configuration, logger: .quiet) { simulator in
            let caller = try Caller(simulator)
            var codes: [Int?] = []
            for index in [1, 2, 3, 1] { codes.append(try await caller.text(to: Caller.number(index)).code) }
            #expect(codes == [nil, nil, 131_048, nil])
            #expect(simulator.summary().recipientsAcceptedMoreThanOnce == 1)
            simulator.reset()
            #expect(try await caller.text(to: Caller.number(3)).status == 200)
            #expect(simulator.summary().accepted == 1)
        }
    }

    @Test func nothingStartsWithASettingOutsideItsRange() {
        var configuration = SimulatorConfiguration()
        configuration.webhooks.readShare = 0.99
        #expect(
            throws: SimulatorError.invalid(field: "webhooks.readShare", reason: "must not be more than deliveredShare")
        ) {
            try Simulator(configuration: configuration, logger: .quiet)
        }
        configuration = SimulatorConfiguration()
        configuration.webhooks.url = "http://127.0.0.1:1/"
        #expect(throws: SimulatorError.self) { try Simulator(configuration: configuration, logger: .quiet) }
        configuration = SimulatorConfiguration()
        configuration.ledgerPath = "/nowhere/ledger.jsonl"
        #expect(throws: SimulatorError.self) { try Simulator(configuration: configuration, logger: .quiet) }
    }

    @Test func waitersFailWhenThePortIsTaken() async throws {
        try await Simulator.withRunning(logger: .quiet) { simulator in
            var configuration = SimulatorConfiguration()
            configuration.port = try #require(simulator.boundPort)
            await #expect(throws: SimulatorError.self) {
                try await Simulator.withRunning(configuration: configuration, logger: .quiet) { _ in }
            }
        }
    }
}
