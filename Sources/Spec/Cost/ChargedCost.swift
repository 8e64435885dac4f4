public import Calendar
public import Foundation
public import JSON
import Spelling

/// Messages of one kind that arrived, as WhatsApp reported their price.
public struct Charge: Hashable, Sendable {
    /// A time within the period of equal prices.
    public let at: Date
    /// `regular` is paid, and what begins with `free` is not.
    public let type: String
    /// The category by WhatsApp's word, such as `marketing`.
    public let category: String
    /// The beginning of the numbers; see ``NumberBeginning``.
    public let beginning: String
    public let count: Int

    /// Makes a charge.
    public init(at: Date, type: String, category: String, beginning: String, count: Int) {
        (self.at, self.type, self.category, self.beginning, self.count) = (at, type, category, beginning, count)
    }

    /// True if the messages cost something.
    public var isPaid: Bool { !type.hasPrefix("free") }
}

/// The costs of messages that arrived: the number of those that WhatsApp reported as paid, by the prices of their days.
public struct ChargedCost: Hashable, Sendable {
    /// Messages of one category, market and type.
    public struct Line: Hashable, Sendable {
        public let category: String
        public let market: String
        public let type: String
        public let messages: Int
        /// Their costs in millionths; `nil` for those that are free, or without a price.
        public let micros: Int?
    }

    /// The currency; `nil` without prices.
    public let currency: String?
    /// The sum in millionths.
    public let micros: Int
    /// The messages, the most expensive ones first.
    public let lines: [Line]

    /// Sums charges up by the prices of their days.
    ///
    /// - Parameters:
    ///   - charges: The messages.
    ///   - book: The prices; `nil` counts messages only.
    ///   - zone: The zone of the account.
    ///   - currency: The currency; `nil` counts messages only.
    public init(_ charges: [Charge], by book: RateBook?, zone: IANAZone, currency: String?) {
        struct Key: Hashable {
            let (category, market, type): (String, String, String)
            /// Messages without a price are a line of their own, so that none seems to be part of a sum.
            let hasPrice: Bool
        }
        let prices = book ?? RateBook(cards: [])
        var counts: [Key: (messages: Int, micros: Int?)] = [:]
        for charge in charges {
            let day = RateBook.day(of: charge.at, in: zone)
            let card = currency.flatMap { prices.card(on: day, currency: $0) }
            let market = prices.map(on: day, for: card).market(of: charge.beginning)
            let rate = RateCategory(charged: charge.category).flatMap { card?.rate(of: $0, in: market) }
            let cost = charge.isPaid ? rate.map { Money.product($0, charge.count) } : nil
            let key = Key(category: charge.category, market: market, type: charge.type, hasPrice: cost != nil)
            let former = counts[key]
            counts[key] = (
                (former?.messages ?? 0) + charge.count,
                cost.map { Money.sum([$0, former?.micros ?? 0]) }
            )
        }
        lines = counts.map { key, sum in
            Line(category: key.category, market: key.market, type: key.type, messages: sum.messages, micros: sum.micros)
        }
        .sorted { ($1.micros ?? -1, $1.messages, $0.name) < ($0.micros ?? -1, $0.messages, $1.name) }
        micros = Money.sum(lines.compactMap(\.micros))
        self.currency = book == nil ? nil : currency
    }

    private func count(where isCounted: (Line) -> Bool) -> Int {
        lines.filter(isCounted).map(\.messages).reduce(0, +)
    }

    /// Messages that WhatsApp reported as paid.
    public var paid: Int { count { !$0.isFree } }
    /// Messages that WhatsApp reported as free.
    public var free: Int { count(where: \.isFree) }
    /// Paid messages without a price in the list; they count as nothing.
    public var unpriced: Int { currency == nil ? 0 : count { !$0.isFree && $0.micros == nil } }

    /// The costs in one line: `USD 212.40: 3,100 marketing Rest of Africa, 50 marketing South Africa; 480 free`; `nil` if nothing
    /// was reported.
    public var words: String? {
        guard !lines.isEmpty else { return nil }
        let paid = lines.filter { !$0.isFree }
        let shown = paid.prefix(6).map { "\($0.messages.grouped) \($0.category) \($0.market)" }
        let rest = paid.dropFirst(6).map(\.messages).reduce(0, +)
        var parts = shown.isEmpty ? [] : [shown.joined(separator: ", ") + (rest > 0 ? ", \(rest.grouped) more" : "")]
        if free > 0 { parts.append("\(free.grouped) free") }
        if unpriced > 0 { parts.append("\(unpriced.grouped) without a price") }
        let amount = currency.map { Money(currency: $0, micros: micros).words + ": " } ?? ""
        return amount + parts.joined(separator: "; ")
    }

    /// The costs as JSON; amounts are in millionths.
    public var json: JSONValue {
        var fields: [String: JSONValue] = [
            "paid": .integer(paid), "free": .integer(free), "unpriced": .integer(unpriced),
            "messages": .array(
                lines.map { line in
                    var fields: [String: JSONValue] = [
                        "category": .string(line.category), "market": .string(line.market), "type": .string(line.type),
                        "count": .integer(line.messages),
                    ]
                    fields["micros"] = line.micros.map(JSONValue.integer)
                    return .object(fields)
                }
            ),
        ]
        fields["currency"] = currency.map(JSONValue.string)
        fields["micros"] = currency.map { _ in .integer(micros) }
        return .object(fields)
    }
}

extension ChargedCost.Line {
    fileprivate var isFree: Bool { type.hasPrefix("free") }
    fileprivate var name: String { "\(category) \(market) \(type)" }
}
