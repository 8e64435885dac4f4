package import AccessTokens
import HTTPTypes
import Hummingbird
import Logging

/// Verifies the access token of a request.
package struct Authenticator: Sendable {
    /// `nil` if the daemon has no keys: every request is refused.
    let verifier: TokenVerifier?
    /// Returns whether the database of the daemon holds a tenant; rows of others would be written into the wrong one.
    private let holds: @Sendable (String) -> Bool

    package init(verifier: TokenVerifier?, holds: @escaping @Sendable (String) -> Bool = { _ in true }) {
        self.verifier = verifier
        self.holds = holds
    }

    /// Checks that the database of the daemon holds a tenant.
    ///
    /// - Throws: ``Problem``, 403.
    func checkCell(of tenant: String) throws(Problem) {
        guard holds(tenant) else { throw .inAnotherCell(tenant) }
    }

    /// Returns the caller that the access token names.
    ///
    /// - Throws: ``Problem``: 401 without a valid token, 403 for a person without a tenant and for a tenant of another cell,
    ///   503 without keys to verify it.
    func caller(of request: Request, logger: @autoclosure () -> Logger) async throws(Problem) -> Caller {
        try await caller(of: request.headers[.authorization], logger: logger())
    }

    /// Returns the caller that the access token in a header names.
    ///
    /// - Throws: ``Problem`` as for a request.
    func caller(of header: String?, logger: @autoclosure () -> Logger) async throws(Problem) -> Caller {
        guard let verifier else { throw .authenticationNotConfigured }
        guard let token = Self.bearerToken(header) else {
            throw .unauthorized(isTokenGiven: false)
        }
        let caller: Caller
        do {
            caller = try await verifier.caller(of: token, logger: logger())
        } catch {
            logger().info("Access token refused", metadata: ["reason": "\(error)"])
            switch error {
            case .noKeys: throw .noKeys
            case .noTenant(let claim): throw .withoutTenant(claim)
            default: throw .unauthorized(isTokenGiven: true)
            }
        }
        try checkCell(of: caller.tenantID)
        return caller
    }

    /// Returns the token of `Bearer …`; `nil` without a header or with another scheme.
    static func bearerToken(_ header: String?) -> String? {
        guard let header, let space = header.firstIndex(of: " "), header[..<space].lowercased() == "bearer" else {
            return nil
        }
        let token = header[space...].drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }
}
