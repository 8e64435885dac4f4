public import Calendar
public import Foundation
public import JSON

/// All prices of a tenant with their dates, and the maps from numbers to markets.
public struct RateBook: Hashable, Sendable {
    public let cards: [RateCard]
    /// The maps of files; they come before the built-in ones.
    public let maps: [MarketMap]

    /// Makes a book.
    public init(cards: [RateCard], maps: [MarketMap] = []) {
        self.cards = cards.sorted { ($0.from, $0.currency) < ($1.from, $1.currency) }
        self.maps = maps.sorted { $0.from < $1.from }
    }

    /// The currencies, sorted.
    public var currencies: [String] { Set(cards.map(\.currency)).sorted() }

    /// Returns the currency of costs for a tenant: that of its limit, else that of its accounts, else the only one, else US dollars.
    ///
    /// - Parameters:
    ///   - limit: The limit of costs in the policy of the tenant.
    ///   - billed: The currencies in which WhatsApp bills the accounts of the tenant.
    /// - Returns: The currency; `nil` if there are several, and none of these decides.
    public func currency(limit: Money?, billed: some Sequence<String>) -> String? {
        if let limit { return limit.currency }
        let billed = Set(billed)
        if let own = billed.first, billed.count == 1, currencies.contains(own) { return own }
        return currencies.count == 1 ? currencies[0] : currencies.first { $0 == "USD" }
    }

    /// Returns the currency of costs for each tenant of some specs; tenants without one are left out.
    public func currencies(of catalog: SpecCatalog) -> [String: String] {
        let accounts = Dictionary(grouping: catalog.all(AccountSpec.self), by: \.identity.tenant)
        var chosen: [String: String] = [:]
        for tenant in catalog.tenants {
            chosen[tenant] = currency(
                limit: catalog.tenant(tenant)?.value.policy.maxCost,
                billed: (accounts[tenant] ?? []).compactMap(\.value.currency)
            )
        }
        return chosen
    }

    /// Returns the prices of a day; `nil` if none had begun.
    public func card(on day: String, currency: String) -> RateCard? {
        cards.last { $0.currency == currency && $0.from <= day }
    }

    /// Returns the map of a day: the last one of a file, else the built-in one.
    ///
    /// The built-in map is that of the prices, because a list names the markets of its time: July's prices have none for a
    /// market that began in October.
    ///
    /// - Parameters:
    ///   - day: The day.
    ///   - card: The prices that count on that day; `nil` without any.
    /// - Returns: The map.
    public func map(on day: String, for card: RateCard?) -> MarketMap {
        maps.last { $0.from <= day } ?? MarketMap.builtIn(on: card?.from ?? day)
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
