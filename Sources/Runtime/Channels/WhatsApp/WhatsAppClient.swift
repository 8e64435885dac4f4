import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
package import OneShotHTTP

/// Speaks to the WhatsApp Cloud API.
///
/// It never repeats a request by itself: the API has no idempotency key, so whether to send again is for the caller to
/// decide, by what is known about the first time.
package struct WhatsAppClient: MessageTransport {
    /// How long an answer may take, unless somebody says otherwise.
    ///
    /// A request without one by then may have been accepted.
    package static let defaultTimeout = Duration.seconds(30)
    private static let largestAnswer = 64 * 1024
    /// Seconds; an answer that asks for more is not believed.
    private static let longestRetryAfter = 24 * 3600

    private let poster: HTTPPoster
    private let basePath: String

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - poster: Set up as ``configuration(connections:timeout:)`` says.
    ///   - api: The API that the poster posts to.
    package init(poster: HTTPPoster, api: WhatsAppAPI) {
        self.poster = poster
        basePath = api.basePath
    }

    /// Limits of the connections to the API.
    package static func configuration(connections: Int, timeout: Duration = defaultTimeout) -> HTTPPosterConfiguration {
        HTTPPosterConfiguration(
            connectTimeout: min(.seconds(5), timeout),
            requestTimeout: timeout,
            connections: connections,
            largestAnswer: largestAnswer
        )
    }

    package var expectedWait: Duration { poster.expectedWait }

    package func prepare(for requests: Int) { poster.prepare(for: requests) }

    package func send(_ request: OutboundRequest) async -> SendAnswer? {
        let outcome = await poster.post(
            PostRequest(
                path: "\(basePath)/\(request.phoneNumberID)/messages",
                headers: [
                    "Authorization": "Bearer \(request.token.value)", "Content-Type": "application/json",
                ],
                body: ByteBuffer(bytes: request.body)
            ),
            waitingFor: request.writeBy - .now
        )
        return switch outcome {
        case .answered(let answer): Self.answer(status: answer.status, headers: answer.headers, body: answer.body)
        case .notWritten(let reason): .notWritten(reason)
        case .expired: nil
        case .lost(let reason): .lost(reason)
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
