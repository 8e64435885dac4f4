/// WhatsApp's limits of business-initiated messages in 24 hours, in the words of its API: `TIER_250`, `TIER_2K`, `TIER_UNLIMITED`.
public enum MessagingTier {
    /// The ladder of October 2025: the limits that a business portfolio climbs.
    public static let ladder = [250, 2_000, 10_000, 100_000]

    /// Reads a tier, with or without `TIER_`, in any case.
    ///
    /// - Returns: `.some(nil)` for no limit; `nil` for a text that names none, such as `TIER_NOT_SET`.
    public static func limit(_ text: String) -> Int?? {
        var tier = text.uppercased()[...]
        if tier.hasPrefix("TIER_") { tier = tier.dropFirst("TIER_".count) }
        if tier == "UNLIMITED" { return .some(nil) }
        let (digits, factor) = tier.hasSuffix("K") ? (tier.dropLast(), 1_000) : (tier, 1)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
            (0...1_000_000).contains(number)
        else { return nil }
        return .some(number * factor)
    }
}
