import Foundation
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Sending to an API to which connections take long to open.
@Suite(.timing, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DistantAPITests {
    /// Daemons start without connections; the second one starts on a busy lane.
    @Test(.timeLimit(.minutes(3)))
    func thePaceHoldsWhileConnectionsAreOpened() async throws {
        try await DeliveryFixture.with(contacts: 300, rate: 60) { fixture in
            let run = try await fixture.launch()
            let port = try #require(URL(string: fixture.api)?.port)
            let way = Duration.milliseconds(350)
            try await DistantRelay.withClient(of: port, opening: way) { first in
                try await DistantRelay.withClient(of: port, opening: way) { second in
                    try await fixture.withDelivery(channel: first) {
                        try await eventually("messages are being sent") {
                            fixture.simulator.summary().accepted > 100
                        }
                        try await fixture.withDelivery(channel: second) { try await fixture.completes(run) }
                    }
                }
            }
            try await fixture.expectDelivered(run, contacts: 300)
            // 3 more than the rate: in a debug build, TLS handshakes delay some requests for longer than the pace
            // allows for.
            let most = fixture.simulator.summary().mostAcceptedInOneSecond["1001", default: 0]
            #expect(most <= 63)
            #expect(try await fixture.attempts() == [1], "waiting for a connection is no attempt")
        }
    }
}

extension DeliveryFixture {
    /// The numbers of attempts that messages have had.
    fileprivate func attempts() async throws -> [Int] {
        try await pool.query("SELECT DISTINCT attempts FROM campaign_messages ORDER BY 1").map { try $0.decode(0) }
    }
}
