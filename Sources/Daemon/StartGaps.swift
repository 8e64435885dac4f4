extension DaemonConfiguration {
    /// The most senders, and the most tenants, that the log of a start names.
    private static let mostNames = 10

    /// Returns the lines of the log about functions that are off because a setting is missing, with the consequence.
    ///
    /// - Parameters:
    ///   - senders: The senders without a usable access token, each with the reason.
    ///   - receivers: The tenants whose notifications cannot be posted, each with the reason.
    ///   - forwards: The tenants whose webhooks cannot be passed on, each with the reason.
    /// - Returns: The lines, none if all is set.
    func gaps(senders: [String], receivers: [String] = [], forwards: [String] = []) -> [String] {
        var gaps: [String] = []
        if tokens == nil {
            gaps.append(
                "No keys for access tokens, the API answers 503: set JWT_SECRET, JWT_PUBLIC_KEY_FILE, JWKS_FILE, JWKS_URL "
                    + "or OIDC_ISSUER"
            )
        }
        if appSecret == nil {
            gaps.append(
                "WHATSAPP_APP_SECRET is not set, all webhooks are refused: no delivery reports, and STOP is not heard"
            )
        }
        if verifyToken == nil {
            gaps.append("WHATSAPP_VERIFY_TOKEN is not set, WhatsApp cannot verify the webhook's address")
        }
        gaps += Self.lines("Sender has no access token, its messages wait", senders)
        gaps += Self.lines("Tenant is not told of its campaigns, nothing can be posted", receivers)
        gaps += Self.lines("Webhooks of the tenant cannot be passed on, they wait for 24 hours", forwards)
        return gaps
    }

    private static func lines(_ text: String, _ names: [String]) -> [String] {
        let lines = names.prefix(mostNames).map { "\(text): \($0)" }
        return names.count > mostNames ? lines + ["\(text): \(names.count - mostNames) more"] : lines
    }
}
