import Testing

@testable import Spec

/// `tier` of senders: the steps of before, and WhatsApp's ladder.
struct SenderTierTests {
    private static func text(_ tier: String) -> String {
        "kind: Sender\nname: a\nphoneNumberId: \"1\"\naccessToken: env:T\ntier: \(tier)\n"
    }

    @Test(
        arguments: [
            ("1", 1_000), ("2", 10_000), ("3", 100_000), ("4", nil), ("250", 250), ("2000", 2_000), ("10000", 10_000),
            ("100000", 100_000), ("unlimited", nil), ("TIER_250", 250), ("TIER_2K", 2_000), ("\"TIER_10K\"", 10_000),
            ("TIER_UNLIMITED", nil),
        ] as [(String, Int?)]
    )
    func isALimit(tier: String, limit: Int?) throws {
        let catalog = Fixture.catalog(Self.text(tier))
        let sender = try #require(catalog.specs.first?.value as? SenderSpec, "\(Fixture.lines(Self.text(tier)))")
        #expect(sender.dailyLimit == limit)
    }

    @Test(arguments: ["5", "TIER_3K", "\"2\"", "gold", "[]"])
    func isOneOfThem(tier: String) {
        #expect(!Fixture.lines(Self.text(tier)).isEmpty)
    }

    @Test(
        arguments: [
            ("TIER_2K", 2_000), ("tier_250", 250), ("100K", 100_000), ("TIER_UNLIMITED", nil),
        ] as [(String, Int?)]
    )
    func wordsOfTheAPIAreRead(text: String, limit: Int?) {
        #expect(MessagingTier.limit(text) == .some(limit))
        #expect(MessagingTier.limit("TIER_NOT_SET") == nil && MessagingTier.limit("TIER_") == nil)
        #expect(MessagingTier.limit("TIER_-5") == nil && MessagingTier.limit("TIER_9999999") == nil)
    }
}
