import Foundation

/// One request to WhatsApp, rendered and ready.
struct OutboundRequest: Sendable {
    let phoneNumberID: String
    let token: AccessToken
    /// JSON.
    let body: [UInt8]
}

/// What carries a message out of the house.
protocol MessageTransport: Sendable {
    /// Sends one request and waits for its answer; never longer than the transport's own timeout.
    func send(_ request: OutboundRequest) async -> SendAnswer
}

/// A bearer token that does not show itself in logs.
struct AccessToken: Hashable, Sendable, CustomStringConvertible {
    let value: String
    var description: String { "<token>" }
}
