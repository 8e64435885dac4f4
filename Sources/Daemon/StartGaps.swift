extension DaemonConfiguration {
    /// The most senders that the log of a start names.
    private static let mostSenders = 10

    /// Returns the lines of the log about functions that are off because a setting is missing, with the consequence.
    ///
    /// - Parameter senders: The senders without a usable access token, each with the reason.
    /// - Returns: The lines, none if all is set.
    func gaps(senders: [String]) -> [String] {
        var gaps: [String] = []
        if tokens == nil {
            gaps.append(
                "No keys for access tokens, the API answers 503: set JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_FILE"
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
        for sender in senders.prefix(Self.mostSenders) {
            gaps.append("Sender has no access token, its messages wait: \(sender)")
        }
        if senders.count > Self.mostSenders {
            gaps.append("Senders have no access token, their messages wait: \(senders.count - Self.mostSenders) more")
        }
        return gaps
    }
}
