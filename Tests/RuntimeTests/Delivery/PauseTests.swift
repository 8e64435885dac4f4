import Foundation
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// The time until two daemons follow a pause and a resumption, measured at the receiver.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct PauseTests {
    /// With notifications of Postgres one second is enough.
    ///
    /// Without them daemons poll every second, first the lane keeper and then the feeder.
    @Test(.timeLimit(.minutes(3)), arguments: [(true, Duration.seconds(1)), (false, .seconds(2))])
    func pauseAndResumeActOnAllDaemons(listens: Bool, limit: Duration) async throws {
        try await DeliveryFixture.with(contacts: 3_000, rate: 100) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(listens: listens, ending: .killed) {
                try await fixture.withDelivery(listens: listens, ending: .killed) {
                    try await sends(80, of: fixture)
                    for _ in 1...2 {
                        #expect(try await fixture.runs.pause(run, reason: "by hand"))
                        let silentAfter = try await lastRequest(in: fixture, watchedFor: .seconds(2.5))
                        #expect(silentAfter <= .seconds(1), "went on for \(silentAfter)")
                        #expect(try await fixture.run(run).status == .paused)

                        #expect(try await fixture.runs.resume(run))
                        let resumed = ContinuousClock.now
                        try await sends(1, of: fixture)
                        let silence = ContinuousClock.now - resumed
                        #expect(silence <= limit, "took \(silence)")
                        try await sends(50, of: fixture)
                    }
                }
            }
            #expect(fixture.simulator.summary().recipientsAcceptedMoreThanOnce == 0)
        }
    }

    private func sends(_ count: Int, of fixture: DeliveryFixture) async throws {
        let before = fixture.simulator.summary().requests
        try await eventually(within: .seconds(20), "\(count) more are sent") {
            fixture.simulator.summary().requests >= before + count
        }
    }

    /// Time since the receiver got its last request.
    private func lastRequest(in fixture: DeliveryFixture, watchedFor limit: Duration) async throws -> Duration {
        let start = ContinuousClock.now
        var last = Duration.zero
        var requests = fixture.simulator.summary().requests
        try await eventually(within: limit + .seconds(1), "it was watched for long enough") {
            let now = fixture.simulator.summary().requests
            if now != requests { (requests, last) = (now, ContinuousClock.now - start) }
            return ContinuousClock.now - start >= limit
        }
        return last
    }
}
