import Foundation
import NIOHTTP1
import OneShotHTTP
package import Settings
import Spec

/// An address that a tenant wants to be posted to, with its reference resolved.
package struct HookURL: Hashable, Sendable {
    /// The reason why nothing can be posted; it holds neither the address nor a secret.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    let origin: HTTPOrigin
    let path: String

    /// Resolves an address of a field of the tenant, or a reference to one.
    init(_ text: String, field: String, tokens: TokenResolver) throws(Problem) {
        let isReference = SecretReference(text) != nil
        let url = isReference ? try Self.resolve(text, of: field, tokens) : text
        let place = isReference ? "\(field): the address in \(text)" : field
        guard let parts = URLComponents(string: url), let origin = HTTPOrigin(url: url), parts.user == nil else {
            throw Problem(description: "\(place) is no https address")
        }
        guard origin.isSecure || ["localhost", "127.0.0.1", "::1"].contains(origin.host) else {
            throw Problem(description: "\(place) begins with http: only https is posted to, except on this machine")
        }
        self.origin = origin
        let query = parts.percentEncodedQuery.map { "?\($0)" } ?? ""
        path = (parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath) + query
    }

    static func resolve(
        _ reference: String,
        of field: String,
        _ tokens: TokenResolver
    ) throws(Problem) -> String {
        do throws(TokenError) {
            return try tokens.token(for: reference).value
        } catch {
            throw Problem(description: "\(field): \(error.problem)")
        }
    }

    /// Returns the reason why nothing could be posted to an address now; `nil` if it could.
    package static func problem(with text: String, field: String, tokens: TokenResolver) -> String? {
        do throws(Problem) {
            _ = try HookURL(text, field: field, tokens: tokens)
            return nil
        } catch {
            return error.description
        }
    }
}

/// Posting to the addresses of tenants.
enum HookClient {
    /// The body of an answer is of no interest; a little of it is read, so that the connection can be closed in order.
    private static let largestAnswer = 4 * 1024
    /// The longest wait that a receiver may ask for.
    private static let longestRetryAfter = Duration.seconds(6 * 3600)

    /// The fate of one post.
    enum Outcome {
        case taken
        /// The status is `nil` if no answer came.
        case failed(String, status: Int?, retryAfter: Duration)
    }

    /// Makes a poster, which must be shut down.
    ///
    /// - Throws: An error that says why the certificates to trust cannot be read.
    static func poster(
        for origin: HTTPOrigin,
        outbound: OutboundSettings,
        timeout: Duration,
        connections: Int = 1
    ) async throws(HookURL.Problem) -> HTTPPoster {
        do {
            var configuration = HTTPPosterConfiguration(
                connectTimeout: timeout / 2,
                requestTimeout: timeout,
                connections: connections,
                largestAnswer: largestAnswer
            )
            configuration.proxy = outbound.proxy(for: origin)
            if origin.isSecure, let path = outbound.certificateFile { try configuration.trust(certificatesIn: path) }
            return try await HTTPPoster.make(for: origin, configuration: configuration)
        } catch {
            throw HookURL.Problem(description: "the certificates to trust cannot be read: \(error)")
        }
    }

    /// Posts one request, once.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - poster: A poster for its address.
    ///   - field: The field that holds the address, for advice.
    /// - Returns: The outcome; anything but a 2xx is a failure.
    static func post(_ request: PostRequest, with poster: HTTPPoster, field: String) async -> Outcome {
        switch await poster.post(request) {
        case .answered(let answer) where (200..<300).contains(answer.status): return .taken
        case .answered(let answer):
            let isRedirect = (300..<400).contains(answer.status)
            let advice = isRedirect ? ": redirects are not followed, so name the final address in \(field)" : ""
            return .failed(
                "HTTP \(answer.status)\(advice)",
                status: answer.status,
                retryAfter: retryAfter(answer.headers)
            )
        case .notWritten(let reason), .lost(let reason): return .failed(reason, status: nil, retryAfter: .zero)
        case .expired: return .failed("no connection became free", status: nil, retryAfter: .zero)
        }
    }

    private static func retryAfter(_ headers: HTTPHeaders) -> Duration {
        guard let text = headers.first(name: "Retry-After"), let seconds = Int(text), seconds > 0 else { return .zero }
        return min(.seconds(min(seconds, 1 << 30)), longestRetryAfter)
    }
}
