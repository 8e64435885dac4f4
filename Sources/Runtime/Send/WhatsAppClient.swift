import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Speaks to the WhatsApp Cloud API.
///
/// It never repeats a request by itself: the API has no idempotency key, so whether to send again is for the caller to
/// decide, by what is known about the first time.
struct WhatsAppClient: MessageTransport {
    /// How long an answer may take, unless somebody says otherwise.
    ///
    /// A request without one by then may have been accepted.
    static let defaultTimeout = Duration.seconds(30)
    private static let largestAnswer = 64 * 1024
    /// Seconds; an answer that asks for more is not believed.
    private static let longestRetryAfter = 24 * 3600

    private let client: HTTPClient
    private let baseURL: String
    private let timeout: TimeAmount

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - client: Should not retry connections, see ``configuration(connections:timeout:)``.
    ///   - baseURL: The API with its version, without a slash at the end: `https://graph.facebook.com/v23.0`.
    ///   - timeout: How long an answer may take.
    init(client: HTTPClient, baseURL: String, timeout: Duration = defaultTimeout) {
        self.client = client
        self.baseURL = baseURL
        self.timeout = TimeAmount(timeout)
    }

    /// Settings of an HTTP client that tells at once when it cannot connect, and drops idle connections before common
    /// servers do (5 s), so that it hardly ever writes to one that the other side is closing.
    static func configuration(
        connections: Int,
        timeout: Duration = defaultTimeout
    ) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: min(.seconds(5), TimeAmount(timeout)), read: TimeAmount(timeout))
        )
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(3)
        configuration.httpVersion = .http1Only
        // Nobody collects spans, and their attributes cost as much as writing the request.
        configuration.tracing.tracer = nil
        return configuration
    }

    func send(_ request: OutboundRequest) async -> SendAnswer {
        var http = HTTPClientRequest(url: "\(baseURL)/\(request.phoneNumberID)/messages")
        http.method = .POST
        http.headers.add(name: "Authorization", value: "Bearer \(request.token.value)")
        http.headers.add(name: "Content-Type", value: "application/json")
        http.body = .bytes(ByteBuffer(bytes: request.body))
        do {
            let response = try await client.execute(http, timeout: timeout)
            let body = try await response.body.collect(upTo: Self.largestAnswer)
            return Self.answer(status: Int(response.status.code), headers: response.headers, body: body)
        } catch {
            return Self.answer(to: error)
        }
    }

    static func answer(status: Int, headers: HTTPHeaders, body: ByteBuffer) -> SendAnswer {
        if (200..<300).contains(status) {
            if let id = body.withUnsafeReadableBytes(AcceptedAnswer.messageID(in:)) {
                return .accepted(waMessageID: id)
            }
            // An answer that cannot be read does not say that the message was refused.
            guard let accepted = try? JSONDecoder().decode(Accepted.self, from: body),
                let id = accepted.messages.first?.id
            else {
                return .lost("HTTP \(status) without a message id")
            }
            return .accepted(waMessageID: id)
        }
        let retryAfter = headers.first(name: "Retry-After").flatMap(Int.init).map {
            Duration.seconds(min(max($0, 0), longestRetryAfter))
        }
        // Gateways answer without the API's error object; then the status has to do.
        let error = try? JSONDecoder().decode(Refused.self, from: body).error
        return .refused(
            httpStatus: status,
            code: error?.code,
            message: error?.text ?? "HTTP \(status)",
            retryAfter: retryAfter
        )
    }

    static func answer(to error: any Error) -> SendAnswer {
        switch error {
        case let error as HTTPClientError
        where [.connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout].contains(error):
            .notWritten("no connection: \(error.shortDescription)")
        case let error as NIOConnectionError:
            .notWritten("cannot connect to \(error.host):\(error.port)")
        case let error as NIOSSLError:
            .notWritten("TLS: \(error)")
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            .notWritten("connection refused")
        default:
            .lost("no answer: \(error)")
        }
    }

    private struct Accepted: Decodable {
        struct Message: Decodable {
            let id: String
        }
        let messages: [Message]
    }

    private struct Refused: Decodable {
        struct GraphError: Decodable {
            struct Details: Decodable {
                let details: String?
            }
            let message: String?
            let code: Int?
            let error_data: Details?

            var text: String? { error_data?.details ?? message }
        }
        let error: GraphError
    }
}
