package import AccessTokens
import HTTPTypes
import Hummingbird
import Logging

/// Finds out who sends a request.
///
/// For routes that are not in the table of endpoints: `try await authenticator.caller(of: request, logger: context.logger)`.
package struct Authenticator: Sendable {
    /// `nil` when the daemon was given no keys: then nobody can be let in.
    let verifier: TokenVerifier?

    package init(verifier: TokenVerifier?) {
        self.verifier = verifier
    }

    /// The caller that the request's access token names.
    ///
    /// - Throws: ``Problem``: 401 without a good token, 503 without keys to check it against.
    func caller(of request: Request, logger: @autoclosure () -> Logger) async throws(Problem) -> Caller {
        guard let verifier else { throw .authenticationNotConfigured }
        guard let token = Self.bearerToken(request.headers[.authorization]) else {
            throw .unauthorized(isTokenGiven: false)
        }
        do {
            return try await verifier.caller(of: token, logger: logger())
        } catch {
            logger().info("An access token is refused", metadata: ["reason": "\(error)"])
            throw .unauthorized(isTokenGiven: true)
        }
    }

    /// The token of `Bearer …`; `nil` for no header or another scheme.
    static func bearerToken(_ header: String?) -> String? {
        guard let header, let space = header.firstIndex(of: " "), header[..<space].lowercased() == "bearer" else {
            return nil
        }
        let token = header[space...].drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }
}
