public import AccessTokens
public import Foundation

/// Access tokens for daemons that a test starts.
public enum TestToken {
    /// The `JWT_SECRET` of such a daemon.
    public static let secret = "a secret of the tests, 32 bytes or more"

    /// Returns a token that is valid for ten minutes, unless it is said for how many seconds.
    public static func text(
        tenant: String = "acme",
        subject: String = "tester",
        scopes: [AccessScope]? = nil,
        lifetime: TimeInterval = 600
    ) throws -> String {
        try TokenMinter.token(tenant: tenant, subject: subject, scopes: scopes, lifetime: lifetime, secret: secret)
    }
}
