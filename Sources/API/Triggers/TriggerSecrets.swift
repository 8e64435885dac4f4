package import Settings

/// The secrets with which tenants sign events, from `TRIGGER_SECRETS`.
public struct TriggerSecrets: Sendable {
    /// A shorter one could be guessed.
    static let shortestSecret = 32

    private let secrets: [String: String]

    /// Reads `tenant:secret,tenant:secret`.
    ///
    /// - Throws: ``ConfigurationError`` that names the tenant, never the secret.
    package init(_ text: String?) throws(ConfigurationError) {
        var secrets: [String: String] = [:]
        for (index, part) in (text ?? "").split(separator: ",").enumerated() {
            guard let colon = part.firstIndex(of: ":"), colon != part.startIndex else {
                throw .malformed(
                    "TRIGGER_SECRETS",
                    problem:
                        "entry \(index + 1) is not tenant:secret; example: TRIGGER_SECRETS=acme:$(openssl rand -hex 32)"
                )
            }
            let (tenant, secret) = (String(part[..<colon]), String(part[part.index(after: colon)...]))
            guard secret.utf8.count >= Self.shortestSecret else {
                throw .malformed(
                    "TRIGGER_SECRETS",
                    problem:
                        "the secret of `\(tenant)` has \(secret.utf8.count) bytes, and needs \(Self.shortestSecret)"
                )
            }
            guard secrets.updateValue(secret, forKey: tenant) == nil else {
                throw .malformed("TRIGGER_SECRETS", problem: "`\(tenant)` stands in it twice")
            }
        }
        self.secrets = secrets
    }

    /// The secret of a tenant; `nil` if it may not sign.
    subscript(tenant: String) -> String? { secrets[tenant] }
}
