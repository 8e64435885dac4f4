/// The names that WhatsApp has for a person: the number that it uses, and the id that belongs to this business.
enum ContactNames {
    /// Returns the number as WhatsApp has it: without the ninth digit of most of Brazil, and with the mobile digit of Mexico
    /// and Argentina.
    static func waID(of digits: String) -> String {
        if digits.hasPrefix("55"), digits.utf8.count == 13 {
            let (area, rest) = (digits.dropFirst(2).prefix(2), digits.dropFirst(4))
            // Areas from 31 on got the ninth digit after WhatsApp had their numbers.
            if rest.first == "9", let area = Int(area), area >= 31 { return "55\(area)\(rest.dropFirst())" }
        }
        if digits.hasPrefix("52"), digits.utf8.count == 12 { return "521\(digits.dropFirst(2))" }
        if digits.hasPrefix("54"), digits.utf8.count == 12 { return "549\(digits.dropFirst(2))" }
        return digits
    }

    /// Returns the business-scoped user id of a number: the same for each message to it.
    static func userID(of digits: String) -> String {
        let country = countries.first { digits.hasPrefix($0.code) }?.country ?? "ZZ"
        return "\(country).\(Recipient.hash(digits) % 1_000_000_000_000_000 + 1_000_000_000_000_000)"
    }

    private static let countries: [(code: String, country: String)] = [
        ("254", "KE"), ("255", "TZ"), ("256", "UG"), ("234", "NG"), ("27", "ZA"), ("20", "EG"), ("55", "BR"),
        ("52", "MX"), ("54", "AR"), ("57", "CO"), ("51", "PE"), ("56", "CL"), ("91", "IN"), ("62", "ID"), ("44", "GB"),
        ("49", "DE"), ("33", "FR"), ("34", "ES"), ("39", "IT"), ("351", "PT"), ("31", "NL"), ("972", "IL"),
        ("971", "AE"), ("1", "US"),
    ]
}
