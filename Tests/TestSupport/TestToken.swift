import AccessTokens
import Foundation

/// Access tokens for daemons that a test starts.
public enum TestToken {
    /// The `JWT_SECRET` of such a daemon.
    public static let secret = "a secret of the tests, 32 bytes or more"

    /// Returns a token that is valid for ten minutes.
    public static func text(tenant: String = "acme", subject: String = "tester") throws -> String {
        try TokenMinter.token(tenant: tenant, subject: subject, lifetime: 600, secret: secret)
    }
}
