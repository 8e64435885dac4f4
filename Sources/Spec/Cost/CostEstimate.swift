public import Foundation
public import JSON
import Spelling

/// Recipients whose numbers begin alike.
public struct NumberBeginning: Hashable, Sendable {
    /// Three digits, four after a 1; or the country of a user id and a dot: `254`, `1809`, `KE.`.
    public let text: String
    public let recipients: Int
    /// Those of them who wrote within 24 hours.
    public let inWindow: Int

    /// Makes a count.
    public init(_ text: String, recipients: Int, inWindow: Int) {
        (self.text, self.recipients, self.inWindow) = (text, recipients, inWindow)
    }
}

/// The costs of a launch before it is made: at least and at most.
public struct CostEstimate: Hashable, Sendable {
    /// Paid messages of one market.
    public struct Line: Hashable, Sendable {
        public let market: String
        public let messages: Int
        /// The price of one in millionths.
        public let rate: Int

        /// The price of all in millionths.
        var cost: Int { Money.product(rate, messages) }
    }

    public let currency: String
    public let category: RateCategory
    /// The day whose prices and rules count.
    public let day: String
    /// The first day of the prices.
    public let ratesFrom: String
    /// The least and the most in millionths; they differ where it is not known what WhatsApp counts.
    public let low: Int
    public let high: Int
    /// The paid messages, the most expensive market first.
    public let lines: [Line]
    /// Messages that cost nothing.
    public let free: Int
    /// Paid messages that may be free because each number has some free ones in a month.
    public let perhapsFree: Int
    /// Messages to markets without a price of the category; they count as nothing.
    public let unpriced: Int
    /// The markets without a price, the one with the most messages first.
    public let unpricedMarkets: [String]
    /// Since when the messages have the category; `nil` if they had it at the launch.
    public private(set) var since: Date?
    /// The messages that were sent before the category changed, which ``low`` and ``high`` contain and nothing else.
    public private(set) var former: [Former] = []

    /// Messages that were sent while their template had another category.
    public struct Former: Hashable, Sendable {
        public let category: RateCategory
        public let messages: Int
        /// The least and the most in millionths.
        public let low: Int
        public let high: Int
    }

    /// The most that it costs.
    public var most: Money { Money(currency: currency, micros: high) }

    /// The costs in one line: `about USD 212.40: 3,100 marketing Rest of Africa, 50 South Africa; 480 free`.
    public var words: String {
        var amount = "about \(Money(currency: currency, micros: low).words)"
        if low != high { amount += " to \(most.words)" }
        var parts: [String] = []
        if !lines.isEmpty {
            let shown = lines.prefix(Self.shown).enumerated().map { index, line in
                "\(line.messages.grouped) \(index == 0 ? category.rawValue + " " : "")\(line.market)"
            }
            let rest = lines.dropFirst(Self.shown).map(\.messages).reduce(0, +)
            parts.append(shown.joined(separator: ", ") + (rest > 0 ? ", \(rest.grouped) elsewhere" : ""))
        }
        if free > 0 { parts.append("\(free.grouped) free") }
        if perhapsFree > 0 { parts.append("up to \(perhapsFree.grouped) perhaps free") }
        if unpriced > 0 { parts.append("\(unpriced.grouped) without a price") }
        let before = former.filter { $0.messages > 0 }.map { "\($0.messages.grouped) \($0.category.rawValue)" }
        if !before.isEmpty { parts.append("\(before.joined(separator: ", ")) sent before the category changed") }
        return parts.isEmpty ? amount : "\(amount): \(parts.joined(separator: "; "))"
    }

    /// The longest time between a time on the clock of one person and on that of another, in seconds.
    public static let spanOfZones = 26.0 * 3_600

    /// Returns the estimate for messages of which some are sent on another day: the dearer of both days, and at least what the
    /// cheaper one costs.
    public func spanning(_ other: CostEstimate?) -> CostEstimate {
        guard let other, other.currency == currency else { return self }
        let most = (other.high, other.unpriced) > (high, unpriced) ? other : self
        return CostEstimate(
            currency: currency,
            category: category,
            day: most.day,
            ratesFrom: most.ratesFrom,
            low: min(low, other.low),
            high: most.high,
            lines: most.lines,
            free: most.free,
            perhapsFree: most.perhapsFree,
            unpriced: most.unpriced,
            unpricedMarkets: most.unpricedMarkets
        )
    }

    /// Returns the estimate with that of the messages of its run that were sent before the category of their template changed.
    ///
    /// - Parameters:
    ///   - former: The estimate until then.
    ///   - spent: The costs of what was sent with the former category; `nil` if there are no prices for it any more.
    ///   - since: The time of the change.
    /// - Returns: The estimate of both.
    public func following(_ former: CostEstimate, spent: CostEstimate?, since: Date) -> CostEstimate {
        let last = spent.map { spent in
            Former(
                category: spent.category,
                messages: spent.lines.map(\.messages).reduce(0, +) + spent.free + spent.unpriced,
                low: spent.low,
                high: spent.high
            )
        }
        let all = former.former + [last].compactMap(\.self)
        var estimate = CostEstimate(
            currency: currency,
            category: category,
            day: day,
            ratesFrom: ratesFrom,
            low: Money.sum([low] + all.map(\.low)),
            high: Money.sum([high] + all.map(\.high)),
            lines: lines,
            free: free,
            perhapsFree: perhapsFree,
            unpriced: unpriced,
            unpricedMarkets: unpricedMarkets
        )
        (estimate.since, estimate.former) = (since, all)
        return estimate
    }

    /// Returns true if it may cost more than a limit, or if that is not known.
    public func isBeyond(_ limit: Money) -> Bool { high > limit.micros || unpriced > 0 }

    private static let shown = 6

    /// The messages whose costs are not known, as the end of a sentence about a campaign that has a limit of costs, with the remedy;
    /// `nil` without any.
    public var unknownCosts: String? {
        guard unpriced > 0 else { return nil }
        let names = unpricedMarkets.prefix(Self.shown).map { "`\($0)`" }.joined(separator: ", ")
        let rest = unpricedMarkets.count - Self.shown
        return
            "has \(unpriced.grouped) \(unpriced == 1 ? "recipient" : "recipients") whose \(category.rawValue) price is not known: "
            + "the \(currency) prices from \(ratesFrom) have none for \(names)\(rest > 0 ? " and \(rest.grouped) more" : ""); add "
            + "it to the prices beside the specs, or correct the market there"
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    public init?(json: JSONValue) {
        func number(_ name: String) -> Int? { json[name]?.integerValue }
        guard let currency = json["currency"]?.stringValue, let day = json["day"]?.stringValue,
            let category = json["category"]?.stringValue.flatMap(RateCategory.init(rawValue:)),
            let from = json["ratesFrom"]?.stringValue, let low = number("lowMicros"), let high = number("highMicros")
        else { return nil }
        self.init(
            currency: currency,
            category: category,
            day: day,
            ratesFrom: from,
            low: low,
            high: high,
            lines: (json["markets"]?.arrayValue ?? []).compactMap { line in
                guard let market = line["market"]?.stringValue, let messages = line["messages"]?.integerValue,
                    let rate = line["rateMicros"]?.integerValue
                else { return nil }
                return Line(market: market, messages: messages, rate: rate)
            },
            free: number("free") ?? 0,
            perhapsFree: number("perhapsFree") ?? 0,
            unpriced: number("unpriced") ?? 0,
            unpricedMarkets: (json["unpricedMarkets"]?.arrayValue ?? []).compactMap(\.stringValue)
        )
        since = json["since"]?.stringValue.flatMap { try? Date($0, strategy: .iso8601) }
        former = (json["former"]?.arrayValue ?? []).compactMap { part in
            guard let category = part["category"]?.stringValue.flatMap(RateCategory.init(rawValue:)),
                let messages = part["messages"]?.integerValue, let low = part["lowMicros"]?.integerValue,
                let high = part["highMicros"]?.integerValue
            else { return nil }
            return Former(category: category, messages: messages, low: low, high: high)
        }
    }

    init(
        currency: String,
        category: RateCategory,
        day: String,
        ratesFrom: String,
        low: Int,
        high: Int,
        lines: [Line],
        free: Int,
        perhapsFree: Int,
        unpriced: Int,
        unpricedMarkets: [String]
    ) {
        (self.currency, self.category, self.day, self.ratesFrom) = (currency, category, day, ratesFrom)
        (self.low, self.high, self.lines) = (low, high, lines)
        (self.free, self.perhapsFree, self.unpriced) = (free, perhapsFree, unpriced)
        self.unpricedMarkets = unpricedMarkets
    }

    /// The estimate as JSON; amounts are in millionths.
    public var json: JSONValue {
        guard let since else { return plain }
        var fields = plain.objectValue ?? [:]
        fields["since"] = .string(since.formatted(.iso8601))
        fields["former"] = .array(
            former.map { part in
                [
                    "category": .string(part.category.rawValue), "messages": .integer(part.messages),
                    "lowMicros": .integer(part.low), "highMicros": .integer(part.high),
                ]
            }
        )
        return .object(fields)
    }

    private var plain: JSONValue {
        [
            "currency": .string(currency), "category": .string(category.rawValue), "day": .string(day),
            "ratesFrom": .string(ratesFrom), "lowMicros": .integer(low), "highMicros": .integer(high),
            "free": .integer(free), "perhapsFree": .integer(perhapsFree), "unpriced": .integer(unpriced),
            "unpricedMarkets": .array(unpricedMarkets.map(JSONValue.string)),
            "markets": .array(
                lines.map { line in
                    [
                        "market": .string(line.market), "messages": .integer(line.messages),
                        "rateMicros": .integer(line.rate),
                    ]
                }
            ),
        ]
    }
}

/// The rules by which WhatsApp's messages cost something: pure functions of counts, a day and prices.
public enum CostRules {
    /// The first day on which service messages, and utility messages within the 24 hour window, are paid.
    static let serviceIsPaidFrom = "2026-10-01"
    /// Service messages of a number that are free in a month.
    static let freeServiceMessages = 1_000

    /// Returns true if a message that arrives costs nothing, whatever its market.
    static func isFree(_ category: RateCategory, isInWindow: Bool, on day: String) -> Bool {
        guard day < serviceIsPaidFrom else { return false }
        return category == .service || (category == .utility && isInWindow)
    }

    /// Estimates the costs of messages of one category, all on one day.
    ///
    /// - Parameters:
    ///   - beginnings: The recipients by the beginnings of their numbers.
    ///   - category: The category of the messages.
    ///   - day: The day on the clock of the account.
    ///   - currency: The currency of the prices.
    ///   - book: The prices.
    /// - Returns: The costs if everything arrives; `nil` if there are no prices of the day.
    public static func estimate(
        _ beginnings: [NumberBeginning],
        of category: RateCategory,
        on day: String,
        in currency: String,
        by book: RateBook
    ) -> CostEstimate? {
        guard let card = book.card(on: day, currency: currency) else { return nil }
        let map = book.map(on: day, for: card)
        var free = 0
        var (paid, unpriced): ([String: Int], [String: Int]) = ([:], [:])
        for beginning in beginnings {
            let inWindowIsFree = isFree(category, isInWindow: true, on: day)
            let outsideIsFree = isFree(category, isInWindow: false, on: day)
            let outside = beginning.recipients - beginning.inWindow
            free += (inWindowIsFree ? beginning.inWindow : 0) + (outsideIsFree ? outside : 0)
            let count = (inWindowIsFree ? 0 : beginning.inWindow) + (outsideIsFree ? 0 : outside)
            let market = map.market(of: beginning.text)
            guard count > 0 else { continue }
            if card.rate(of: category, in: market) == nil {
                unpriced[market, default: 0] += count
            } else {
                paid[market, default: 0] += count
            }
        }
        let lines = paid.map { market, messages in
            CostEstimate.Line(market: market, messages: messages, rate: card.rate(of: category, in: market) ?? 0)
        }
        .sorted { ($1.cost, $0.market) < ($0.cost, $1.market) }
        let bounds = bounds(lines, category, card)
        return CostEstimate(
            currency: currency,
            category: category,
            day: day,
            ratesFrom: card.from,
            low: bounds.low,
            high: bounds.high,
            lines: lines,
            free: free,
            perhapsFree: bounds.perhapsFree,
            unpriced: unpriced.values.reduce(0, +),
            unpricedMarkets: unpriced.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        )
    }

    /// Returns the least and the most that paid messages cost.
    ///
    /// Whether a number still has free service messages in the month is not known, nor which of them they would be; and whether an
    /// account pays the international price of authentication depends on its country.
    private static func bounds(
        _ lines: [CostEstimate.Line],
        _ category: RateCategory,
        _ card: RateCard
    ) -> (low: Int, high: Int, perhapsFree: Int) {
        let plain = Money.sum(lines.map(\.cost))
        switch category {
        case .service:
            var (left, paid) = (freeServiceMessages, [Int]())
            for line in lines.sorted(by: { $0.rate > $1.rate }) {
                let count = min(left, line.messages)
                left -= count
                paid.append(Money.product(line.rate, line.messages - count))
            }
            return (Money.sum(paid), plain, freeServiceMessages - left)
        case .authentication:
            let prices = lines.map { line in
                let other = card.rate(of: .authenticationInternational, in: line.market) ?? line.rate
                return (
                    low: Money.product(min(line.rate, other), line.messages),
                    high: Money.product(max(line.rate, other), line.messages)
                )
            }
            return (Money.sum(prices.map(\.low)), Money.sum(prices.map(\.high)), 0)
        case .marketing, .utility, .authenticationInternational: return (plain, plain, 0)
        }
    }
}
