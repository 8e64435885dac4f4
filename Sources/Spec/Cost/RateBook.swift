public import Calendar
public import Foundation
public import JSON

/// All prices of a tenant with their dates, and the maps from numbers to markets.
public struct RateBook: Hashable, Sendable {
    public let cards: [RateCard]
    /// The maps of files; they come before the built-in one of the same day.
    public let maps: [MarketMap]

    /// Makes a book.
    public init(cards: [RateCard], maps: [MarketMap] = []) {
        self.cards = cards.sorted { ($0.from, $0.currency) < ($1.from, $1.currency) }
        self.maps = maps.sorted { $0.from < $1.from }
    }

    /// The currencies, sorted.
    public var currencies: [String] { Set(cards.map(\.currency)).sorted() }

    /// Returns the currency of estimates for a tenant: that of its limit, or else the only one, or else US dollars if there are any.
    public func currency(limit: Money?) -> String? {
        if let limit { return limit.currency }
        return currencies.count == 1 ? currencies[0] : currencies.first { $0 == "USD" }
    }

    /// Returns the prices of a day; `nil` if none had begun.
    public func card(on day: String, currency: String) -> RateCard? {
        cards.last { $0.currency == currency && $0.from <= day }
    }

    /// Returns the map of a day.
    public func map(on day: String) -> MarketMap {
        (maps + MarketMap.known).filter { $0.from <= day }.max { $0.from < $1.from } ?? MarketMap.known[0]
    }

    /// Returns the day of an instant, such as `2026-10-01`, by which prices change at midnight.
    public static func day(of date: Date, in zone: IANAZone) -> String {
        String(LocalDateTime(date, in: zone).description.prefix(10))
    }

    /// The lists in words: `USD from 2026-10-01 (47 markets)`.
    public var words: String {
        cards.map { "\($0.currency) from \($0.from) (\($0.markets.count) markets)" }.joined(separator: ", ")
    }

    /// The book as JSON.
    public var json: JSONValue { ["cards": .array(cards.map(\.json)), "maps": .array(maps.map(\.json))] }

    /// Reads what ``json`` wrote; what is not readable is left out.
    public init(json: JSONValue) {
        self.init(
            cards: (json["cards"]?.arrayValue ?? []).compactMap(RateCard.init(json:)),
            maps: (json["maps"]?.arrayValue ?? []).compactMap(MarketMap.init(json:))
        )
    }
}
