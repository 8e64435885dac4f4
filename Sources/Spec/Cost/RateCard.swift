import JSON

/// The categories of WhatsApp's price lists.
public enum RateCategory: String, Hashable, Sendable, CaseIterable, Comparable {
    case marketing, utility, authentication
    /// Authentication messages to people in another country, in markets that have a price of their own for them.
    case authenticationInternational = "authentication-international"
    /// Messages without a template.
    case service

    /// The category of a message.
    ///
    /// - Parameters:
    ///   - template: The category of its template.
    ///   - isFreeText: True for a message without a template.
    public init(template: TemplateSpec.Category, isFreeText: Bool) {
        guard !isFreeText else {
            self = .service
            return
        }
        switch template {
        case .marketing: self = .marketing
        case .utility: self = .utility
        case .authentication: self = .authentication
        }
    }

    /// Reads the category of a webhook; `nil` for those that no price list has.
    public init?(charged name: String) {
        let name = name.hasPrefix("group_") ? String(name.dropFirst(6)) : name
        guard let category = Self(rawValue: name == "marketing_lite" ? Self.marketing.rawValue : name) else {
            return nil
        }
        self = category
    }

    /// The title of its column.
    var title: String {
        switch self {
        case .authenticationInternational: "Authentication-International"
        default: rawValue.prefix(1).uppercased() + rawValue.dropFirst()
        }
    }

    /// Orders as price lists do.
    public static func < (left: Self, right: Self) -> Bool {
        let order = allCases
        return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
    }
}

/// The prices of one currency from one day on.
public struct RateCard: Hashable, Sendable {
    /// The prices of one market in millionths; a category that is missing is not to be had there.
    public typealias Rates = [RateCategory: Int]

    /// The first day, such as `2026-10-01`, at midnight of the account's time zone.
    public let from: String
    public let currency: String
    /// The prices by the names of the markets.
    public let markets: [String: Rates]
    private let byKey: [String: Rates]

    /// Makes a card.
    public init(from: String, currency: String, markets: [String: Rates]) {
        (self.from, self.currency, self.markets) = (from, currency, markets)
        byKey = Dictionary(markets.map { (MarketName.key(of: $0.key), $0.value) }) { first, _ in first }
    }

    /// Returns the price of a message in millionths; `nil` if the market does not have one.
    public func rate(of category: RateCategory, in market: String) -> Int? {
        byKey[MarketName.key(of: market)]?[category]
    }

    /// The card as JSON.
    var json: JSONValue {
        let rates = markets.mapValues { rates in
            JSONValue.object(Dictionary(uniqueKeysWithValues: rates.map { ($0.key.rawValue, .integer($0.value)) }))
        }
        return ["from": .string(from), "currency": .string(currency), "markets": .object(rates)]
    }

    init?(json: JSONValue) {
        guard let from = json["from"]?.stringValue, let currency = json["currency"]?.stringValue,
            let markets = json["markets"]?.objectValue
        else { return nil }
        self.init(
            from: from,
            currency: currency,
            markets: markets.mapValues { rates in
                let pairs = (rates.objectValue ?? [:]).compactMap { name, rate in
                    RateCategory(rawValue: name).flatMap { category in rate.integerValue.map { (category, $0) } }
                }
                return Dictionary(uniqueKeysWithValues: pairs)
            }
        )
    }
}

/// Compares the names of markets, which differ in spaces, signs and accents between lists.
enum MarketName {
    /// The market of everything that is in no other one.
    static let other = "Other"

    private static let aliases = ["turkiye": "turkey", "uae": "unitedarabemirates", "hongkongsar": "hongkong"]

    /// Returns the letters of a name, or all of a name in another alphabet.
    static func key(of name: String) -> String {
        let plain = name.lowercased().replacing("&", with: "and").replacing("ü", with: "u")
        let key = String(plain.filter { $0.isASCII && $0.isLetter })
        return key.isEmpty ? plain : aliases[key] ?? key
    }
}
