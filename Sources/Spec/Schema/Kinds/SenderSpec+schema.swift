import JSON

extension SenderSpec {
    static var schema: SchemaObject {
        SchemaObject(identityFields + limitFields + policyFields, rules: .excludes("dailyLimit", ["tier"]))
    }

    private static var identityFields: [SchemaField] {
        [
            SchemaField(
                "phoneNumberId",
                .text(upTo: 64, pattern: "^[A-Za-z0-9._-]+$"),
                isRequired: true,
                "The id of the number in WhatsApp Manager, in quotes; not the number itself.",
                examples: "106540352242922"
            ),
            SchemaField(
                "accessToken",
                .text(pattern: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"),
                isRequired: true,
                "Where the daemon finds the token, never the token: `env:NAME` or `file:/path`.",
                examples: "env:WHATSAPP_TOKEN_ACME",
                "file:/run/secrets/whatsapp"
            ),
        ]
    }

    private static var limitFields: [SchemaField] {
        [
            SchemaField(
                "tier",
                .integer(1...4),
                "The messaging tier: 1 is 1,000 business-initiated messages in 24 hours, 2 is 10,000 (the default), 3 is "
                    + "100,000, 4 is unlimited. Excludes `dailyLimit`.",
                examples: 2
            ),
            SchemaField(
                "dailyLimit",
                .anyOf(.integer(1...1_000_000_000), SchemaValue(["const": "unlimited"])),
                "The same as a number of messages, or `unlimited`. Excludes `tier`.",
                examples: 250,
                "unlimited"
            ),
            SchemaField(
                "ratePerSecond",
                .integer(1...1_000_000),
                "The most messages in any one second; 80 by default.",
                examples: 80
            ),
            SchemaField(
                "quotaGroup",
                .text(upTo: 100, pattern: "^[A-Za-z0-9._-]+$"),
                "Senders of one group share one 24 hour quota; by default each has its own.",
                examples: "portfolio-1"
            ),
        ]
    }

    private static var policyFields: [SchemaField] {
        [
            SchemaField(
                "pairLimit",
                .choice(PairLimit.self) { limit in
                    switch limit {
                    case .pause: "The whole lane pauses (the default)."
                    case .defer: "Only that recipient waits."
                    }
                },
                "What happens when one recipient got too many messages in a short time (code 131056).",
                examples: "defer"
            ),
            SchemaField(
                "onQuotaExhausted",
                .choice(QuotaPolicy.self) { policy in
                    switch policy {
                    case .pause: "The campaign pauses until somebody resumes it (the default)."
                    case .wait: "The campaign goes on by itself when quota returns."
                    }
                },
                "What happens when the 24 hour quota is used up.",
                examples: "wait"
            ),
            SchemaField(
                "unconfirmedPolicy",
                .choice(UnconfirmedPolicy.self) { policy in
                    switch policy {
                    case .hold: "It stays unconfirmed, and is never sent twice (the default)."
                    case .retry: "It is sent again, and perhaps arrives twice."
                    }
                },
                "What happens to a message whose answer was lost.",
                examples: "hold"
            ),
        ]
    }
}
