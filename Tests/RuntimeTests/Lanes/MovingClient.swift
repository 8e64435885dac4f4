import Foundation
import JSON
import OneShotHTTP
import Spec
import Store
import Synchronization

@testable import Runtime

/// A WhatsApp channel to an API that moves to another address during a test.
final class MovingClient: WhatsAppDouble {
    private let address: DeliveryFixture.Address
    private let timeout: Duration
    private let posters = Mutex<[HTTPOrigin: HTTPPoster]>([:])

    init(address: DeliveryFixture.Address, timeout: Duration) {
        self.address = address
        self.timeout = timeout
    }

    /// Servers on this machine only.
    var expectedWait: Duration { .zero }

    func prepare(for requests: Int) {}

    func send(_ request: OutboundRequest) async -> SendAnswer? {
        do {
            let api = try WhatsAppAPI(url: address.next())
            return await WhatsAppChannel(poster: try await poster(for: api.origin), api: api).send(request)
        } catch {
            return .notWritten("\(error)")
        }
    }

    func shutdown() async {
        for poster in posters.withLock({ $0 }).values { await poster.shutdown() }
    }

    private func poster(for origin: HTTPOrigin) async throws -> HTTPPoster {
        if let poster = posters.withLock({ $0[origin] }) { return poster }
        let made = try await HTTPPoster.make(
            for: origin,
            configuration: WhatsAppChannel.configuration(connections: 64, timeout: timeout)
        )
        let kept = posters.withLock { posters in
            let kept = posters[origin] ?? made
            posters[origin] = kept
            return kept
        }
        if kept !== made { await made.shutdown() }
        return kept
    }
}

/// A channel that is WhatsApp in everything but the connection.
protocol WhatsAppDouble: MessageChannel {}

extension WhatsAppDouble {
    var name: String { "WhatsApp" }

    func payload(of message: JSONValue) throws -> any ChannelPayload { try PayloadTemplate(message: message) }

    static func failure(code: String, message: String) -> MessageOutcome.Failure {
        WhatsAppChannel.failure(code: code, message: message)
    }

    static func reports(in body: some Collection<UInt8>, receivedAt now: Date) throws -> ChannelReports {
        try WhatsAppChannel.reports(in: body, receivedAt: now)
    }
}

extension DeliveryFixture {
    /// The address of the API, and how often it was used.
    final class Address: Sendable {
        private let state: Mutex<(value: String, requests: Int)>

        init(_ value: String) {
            state = Mutex((value, 0))
        }

        var requests: Int { state.withLock { $0.requests } }

        func move(to value: String) {
            state.withLock { $0.value = value }
        }

        func next() -> String {
            state.withLock { state in
                state.requests += 1
                return state.value
            }
        }
    }
}
