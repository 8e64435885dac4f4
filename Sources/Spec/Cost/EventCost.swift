public import JSON
import Spelling

/// The costs of messages that events will send, estimated from the contacts whom events may name.
public struct EventCost: Hashable, Sendable {
    public let currency: String
    /// The day whose prices and rules count.
    public let day: String
    /// The least and the most that the message of one event costs, in millionths.
    public let low: Int
    public let high: Int
    /// The least and the most that 1,000 events cost, in millionths, if they name contacts in the proportion of the present ones.
    public let lowOfThousand: Int
    public let highOfThousand: Int
    /// The contacts whose market has a price.
    public let contacts: Int
    /// The contacts whose market has none.
    public let unpriced: Int

    /// Estimates the costs; `nil` if there are no prices of the day, or none for the contacts.
    ///
    /// - Parameters:
    ///   - beginnings: The contacts by the beginnings of their numbers.
    ///   - category: The category of the message.
    ///   - day: The day on the clock of the account.
    ///   - currency: The currency of the prices.
    ///   - book: The prices.
    public init?(
        _ beginnings: [NumberBeginning],
        of category: RateCategory,
        on day: String,
        in currency: String,
        by book: RateBook
    ) {
        guard let all = CostRules.estimate(beginnings, of: category, on: day, in: currency, by: book) else {
            return nil
        }
        let contacts = beginnings.reduce(0) { $0 + $1.recipients } - all.unpriced
        guard contacts > 0 else { return nil }
        var (low, high) = (Int.max, 0)
        for beginning in beginnings {
            let counts = [beginning.recipients - beginning.inWindow, beginning.inWindow]
            for (inWindow, count) in counts.enumerated() where count > 0 {
                let one = NumberBeginning(beginning.text, recipients: 1, inWindow: inWindow)
                guard let cost = CostRules.estimate([one], of: category, on: day, in: currency, by: book),
                    cost.unpriced == 0
                else { continue }
                (low, high) = (min(low, cost.low), max(high, cost.high))
            }
        }
        (self.currency, self.day, self.low, self.high) = (currency, day, min(low, high), high)
        // Whether the free messages of the month are used up is not known, so that all 1,000 may be free.
        lowOfThousand = all.perhapsFree > 0 ? 0 : Money.product(all.low, 1_000) / contacts
        highOfThousand = Money.product(all.high, 1_000) / contacts
        (self.contacts, unpriced) = (contacts, all.unpriced)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    public init?(json: JSONValue) {
        func number(_ name: String) -> Int? { json[name]?.integerValue }
        guard let currency = json["currency"]?.stringValue, let day = json["day"]?.stringValue,
            let low = number("lowMicros"), let high = number("highMicros"),
            let lowOfThousand = number("lowMicrosOfThousand"), let highOfThousand = number("highMicrosOfThousand")
        else { return nil }
        (self.currency, self.day, self.low, self.high) = (currency, day, low, high)
        (self.lowOfThousand, self.highOfThousand) = (lowOfThousand, highOfThousand)
        (contacts, unpriced) = (number("contacts") ?? 0, number("unpriced") ?? 0)
    }

    /// The costs in one line: `about USD 0.0040 to USD 0.0225 an event, and USD 12.30 for 1,000 events that name contacts like the
    /// present 2,300`.
    public var words: String {
        func range(_ low: Int, _ high: Int, _ text: (Money) -> String) -> String {
            let most = text(Money(currency: currency, micros: high))
            return low == high ? most : "\(text(Money(currency: currency, micros: low))) to \(most)"
        }
        let one = range(low, high, \.description)
        let thousand = range(lowOfThousand, highOfThousand, \.words)
        return "about \(one) an event, and \(thousand) for 1,000 events that name contacts like the present "
            + contacts.grouped + (unpriced > 0 ? "; \(unpriced.grouped) more have no price" : "")
    }

    /// The costs as JSON; amounts are in millionths.
    public var json: JSONValue {
        [
            "currency": .string(currency), "day": .string(day), "lowMicros": .integer(low),
            "highMicros": .integer(high),
            "lowMicrosOfThousand": .integer(lowOfThousand), "highMicrosOfThousand": .integer(highOfThousand),
            "contacts": .integer(contacts), "unpriced": .integer(unpriced),
        ]
    }
}
