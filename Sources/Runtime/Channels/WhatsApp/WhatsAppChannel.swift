package import Foundation
package import JSON
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
package import OneShotHTTP
package import Settings
import Spec
package import Store

/// WhatsApp, through its Cloud API.
package struct WhatsAppChannel: MessageChannel {
    private static let largestAnswer = 64 * 1024
    /// Seconds; longer waits in a `Retry-After` header are cut to this.
    private static let longestRetryAfter = 24 * 3600

    package let name = "WhatsApp"
    private let poster: HTTPPoster
    private let basePath: String

    /// Makes a channel on connections that exist.
    ///
    /// - Parameters:
    ///   - poster: A poster with the settings of ``configuration(connections:timeout:)``.
    ///   - api: The address that the poster posts to.
    package init(poster: HTTPPoster, api: WhatsAppAPI) {
        self.poster = poster
        basePath = api.basePath
    }

    /// Makes a channel with connections of its own; ``shutdown()`` must follow.
    ///
    /// - Parameters:
    ///   - url: The address of the API, with its version.
    ///   - connections: Largest number of connections, which is also that of requests under way.
    ///   - timeout: Time an answer may take.
    ///   - outbound: The proxy, and the certificates to trust.
    /// - Throws: ``ConfigurationError`` when `url` is not an address of a server, and NIOSSL's errors when no certificate
    ///   authorities can be loaded.
    package init(
        url: String,
        connections: Int,
        timeout: Duration,
        outbound: OutboundSettings = OutboundSettings()
    ) async throws {
        let api = try WhatsAppAPI(url: url)
        var configuration = Self.configuration(connections: connections, timeout: timeout)
        configuration.proxy = outbound.proxy(for: api.origin)
        if api.origin.isSecure, let path = outbound.certificateFile { try configuration.trust(certificatesIn: path) }
        self.init(poster: try await HTTPPoster.make(for: api.origin, configuration: configuration), api: api)
    }

    /// Closes the connections.
    package func shutdown() async { await poster.shutdown() }

    /// Returns the limits of the connections to the API.
    package static func configuration(
        connections: Int,
        timeout: Duration = OutboundRequest.defaultTimeout
    ) -> HTTPPosterConfiguration {
        HTTPPosterConfiguration(
            connectTimeout: min(.seconds(5), timeout),
            requestTimeout: timeout,
            connections: connections,
            largestAnswer: largestAnswer
        )
    }

    package func payload(of message: JSONValue) throws -> any ChannelPayload { try PayloadTemplate(message: message) }

    package static func reports(
        in body: some Collection<UInt8>,
        receivedAt now: Date
    ) throws -> ChannelReports {
        let payload = try WebhookPayload(parsing: body)
        return ChannelReports(
            statuses: payload.deliveryStatuses(receivedAt: now),
            learnedIDs: payload.learnedIDs(),
            inbound: payload.inboundReport(receivedAt: now),
            sources: payload.sources,
            notices: payload.notices(),
            events: payload.events()
        )
    }

    package var expectedWait: Duration { poster.expectedWait }

    package func prepare(for requests: Int) { poster.prepare(for: requests) }

    package func send(_ request: OutboundRequest) async -> SendAnswer? {
        let outcome = await poster.post(
            PostRequest(
                path: "\(basePath)/\(request.sender)/messages",
                headers: [
                    "Authorization": "Bearer \(request.token.value)", "Content-Type": "application/json",
                ],
                body: ByteBuffer(bytes: request.body)
            ),
            waitingFor: request.writeBy - .now
        )
        return switch outcome {
        case .answered(let answer):
            Self.answer(
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
                isWhole: answer.isWhole
            )
        case .notWritten(let reason): .notWritten(reason)
        case .expired: nil
        case .lost(let reason): .lost(reason)
        }
    }

    package static func failure(code: String, message: String) -> MessageOutcome.Failure {
        MessageOutcome.Failure(
            reported: RefusalFacts(code: Int(code), details: message),
            code: code,
            message: message
        )
    }

    static func answer(status: Int, headers: HTTPHeaders, body: ByteBuffer, isWhole: Bool = true) -> SendAnswer {
        // Gateways answer without the API's error object; then the status decides.
        let answer = WhatsAppAnswer(body)
        if (200..<300).contains(status), answer.error == nil {
            // An id that no row can hold counts as none.
            if let accepted = answer.accepted, let id = WebhookPayload.id(accepted.id) {
                return .accepted(
                    waMessageID: id,
                    messageStatus: accepted.messageStatus,
                    recipient: accepted.recipient
                )
            }
            // The message may have been accepted although the answer cannot be read.
            guard mediaType(headers) == "text/html" else { return .lost("HTTP \(status) without a message id") }
        }
        let retryAfter = headers.first(name: "Retry-After").flatMap(Int.init).map {
            Duration.seconds(min(max($0, 0), longestRetryAfter))
        }
        let error = answer.error
        let facts = RefusalFacts(
            httpStatus: status,
            code: error?.code,
            subcode: error?.error_subcode,
            details: error?.text ?? "",
            contentType: mediaType(headers),
            isGraphError: error != nil,
            isCutOff: !isWhole || error == nil && !answer.isJSON && mediaType(headers) == "application/json",
            isTransient: error?.is_transient ?? false
        )
        let message = error?.text ?? text(status, headers, isCutOff: facts.isCutOff)
        return .refused(facts, message: message, retryAfter: retryAfter)
    }

    /// Returns the text of an answer that has none of WhatsApp's.
    private static func text(_ status: Int, _ headers: HTTPHeaders, isCutOff: Bool) -> String {
        var text = "HTTP \(status)"
        if isCutOff { return text + ", the answer ended early" }
        if let location = headers.first(name: "Location") { text += " to \(location.prefix(200))" }
        guard let type = mediaType(headers), type != "application/json" else { return text }
        return "\(text) (\(type))"
    }

    /// Returns the media type of an answer, without its parameters.
    private static func mediaType(_ headers: HTTPHeaders) -> String? {
        headers.first(name: "Content-Type")?.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
    }
}

/// The body of an answer of WhatsApp.
private struct WhatsAppAnswer {
    struct GraphError: Decodable {
        struct Details: Decodable {
            let details: String?
        }
        let message: String?
        let code: Int?
        let error_subcode: Int?
        let error_data: Details?
        let is_transient: Bool?

        var text: String? { error_data?.details ?? message }
    }

    private struct Accepted: Decodable {
        struct Message: Decodable {
            let id: String
            let message_status: String?
        }
        struct Contact: Decodable {
            let input: String?
            let wa_id: String?
            let user_id: String?

            /// Returns an id that differs from what the message was sent to.
            func news(_ id: String?) -> String? {
                id == input.map { String($0.drop { $0 == "+" }) } ? nil : id
            }
        }
        let messages: [Message]
        let contacts: [Contact]?
    }

    private struct Refused: Decodable {
        let error: GraphError
    }

    private(set) var accepted: AcceptedAnswer?
    private(set) var error: GraphError?
    private let body: ByteBuffer

    init(_ body: ByteBuffer) {
        self.body = body
        accepted = body.withUnsafeReadableBytes { AcceptedAnswer(scanning: $0) }
        guard accepted == nil else { return }
        // A body of another shape is none of WhatsApp's; the caller says so.
        if let answer = try? JSONDecoder().decode(Accepted.self, from: body), let first = answer.messages.first {
            let contact = answer.contacts?.first
            accepted = AcceptedAnswer(
                id: first.id,
                messageStatus: first.message_status,
                waID: contact?.news(contact?.wa_id),
                userID: contact?.news(contact?.user_id)
            )
        } else {
            error = try? JSONDecoder().decode(Refused.self, from: body).error
        }
    }

    /// True if the body is JSON.
    var isJSON: Bool { (try? JSONValue(parsing: body.readableBytesView, isLenient: true)) != nil }
}

/// The address of the WhatsApp Cloud API.
public struct WhatsAppAPI: Hashable, Sendable {
    /// The Graph API, with the version that this program was written against.
    public static let defaultURL = Variables.graphAPI

    package let origin: HTTPOrigin
    /// The beginning of its paths, the version: `/v23.0`; empty for none.
    let basePath: String

    /// Parses an address.
    ///
    /// - Parameter url: With the version, and without a slash at the end: `https://graph.facebook.com/v23.0`.
    /// - Throws: ``ConfigurationError`` when it is not an address of a server.
    package init(url: String) throws(ConfigurationError) {
        guard let origin = HTTPOrigin(url: url) else {
            throw .malformed(
                "WHATSAPP_API_URL",
                problem: "`\(url)` is no http or https address; example: \(Self.defaultURL)"
            )
        }
        self.origin = origin
        let afterScheme = url.split(separator: "://", maxSplits: 1).last ?? ""
        basePath = afterScheme.firstIndex(of: "/").map { String(afterScheme[$0...]) } ?? ""
    }
}

extension PayloadTemplate: ChannelPayload {}
