import AsyncHTTPClient
import Synchronization

@testable import Runtime

/// A client of an API that moves to another address in the middle of a test.
struct MovingClient: MessageTransport {
    let client: HTTPClient
    let address: DeliveryFixture.Address
    let timeout: Duration

    func send(_ request: OutboundRequest) async -> SendAnswer {
        await WhatsAppClient(client: client, baseURL: address.next(), timeout: timeout).send(request)
    }
}

extension DeliveryFixture {
    /// Where the API is, and how often somebody asked.
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
