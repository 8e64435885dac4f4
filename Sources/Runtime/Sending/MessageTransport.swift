import Foundation

/// One request to WhatsApp, rendered and ready.
package struct OutboundRequest: Sendable {
    let phoneNumberID: String
    let token: AccessToken
    /// JSON.
    let body: [UInt8]
    /// The end of its slot: it is not written later.
    let writeBy: ContinuousClock.Instant
}

/// What carries a message out of the house.
package protocol MessageTransport: Sendable {
    /// How long a request that came now might wait before it is written.
    var expectedWait: Duration { get }

    /// Says that so many requests are about to come.
    func prepare(for requests: Int)

    /// Sends one request and waits for its answer; never longer than the transport's own timeout.
    ///
    /// - Returns: The answer; `nil` when the request could not be written in time, and was not.
    func send(_ request: OutboundRequest) async -> SendAnswer?
}

/// A bearer token that does not show itself in logs.
struct AccessToken: Hashable, Sendable, CustomStringConvertible {
    let value: String
    var description: String { "<token>" }
}
