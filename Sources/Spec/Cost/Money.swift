import JSON
import Spelling

/// An amount of money: a currency and millionths of its unit, so that sums are exact.
public struct Money: Hashable, Sendable, CustomStringConvertible {
    /// Three capital letters of ISO 4217, such as `USD`.
    public let currency: String
    /// Millionths of the unit; never negative.
    public let micros: Int

    /// Millionths in one unit.
    static let unit = 1_000_000
    /// The largest amount in units.
    private static let most = 1_000_000_000.0

    /// Makes an amount.
    public init(currency: String, micros: Int) {
        (self.currency, self.micros) = (currency, max(0, micros))
    }

    /// Reads a currency and an amount in either order, with or without a space: `USD 250`, `250 USD`, `USD250`.
    public init?(_ text: String) {
        let squeezed = text.replacing(" ", with: "")
        guard squeezed.utf8.count + 1 >= text.utf8.count, squeezed.count > 3 else { return nil }
        let isLeading = squeezed.first?.isLetter ?? false
        let currency = String(isLeading ? squeezed.prefix(3) : squeezed.suffix(3))
        let amount = String(isLeading ? squeezed.dropFirst(3) : squeezed.dropLast(3))
        guard Self.isCurrency(currency), amount.allSatisfy({ $0.isNumber || $0 == "." }),
            amount.first?.isNumber == true, amount.last?.isNumber == true, let micros = Self.micros(amount)
        else {
            return nil
        }
        self.init(currency: currency, micros: micros)
    }

    /// Returns true for three capital letters.
    static func isCurrency(_ text: String) -> Bool {
        text.utf8.count == 3 && text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    /// The highest price of one message in millionths; above it a list has another unit, or a mistake.
    static let mostRate = 1_000 * unit

    /// Returns the price of some messages; `Int.max` if it is more than that.
    static func product(_ rate: Int, _ messages: Int) -> Int {
        let (product, isTooLarge) = rate.multipliedReportingOverflow(by: messages)
        return isTooLarge ? .max : product
    }

    /// Returns a sum of amounts; `Int.max` if it is more than that.
    static func sum(_ amounts: some Sequence<Int>) -> Int {
        amounts.reduce(0) { sum, amount in
            let (next, isTooLarge) = sum.addingReportingOverflow(amount)
            return isTooLarge ? .max : next
        }
    }

    /// Reads a number such as `0.0397` or `8.0E-4` in millionths; `nil` for anything else, and for more places than six.
    ///
    /// Spreadsheets write the nearest binary number, such as `3.9699999999999999E-2`, so a difference below a thousandth of
    /// a millionth does not count.
    static func micros(_ text: String) -> Int? {
        let characters = Set("0123456789.eE+-")
        guard !text.isEmpty, text.allSatisfy(characters.contains), let value = Double(text), (0...most).contains(value)
        else { return nil }
        let scaled = value * Double(unit)
        let micros = scaled.rounded()
        // Large amounts have fewer binary places than a thousandth of a millionth.
        return abs(scaled - micros) <= max(0.001, scaled * 1e-12) ? Int(micros) : nil
    }

    /// The whole amount, with two places or as many as it has: `USD 250.00`, `USD 0.0008`.
    public var description: String {
        var places = Self.padded(micros % Self.unit)
        while places.count > 2, places.hasSuffix("0") { places.removeLast() }
        return "\(currency) \(micros / Self.unit).\(places)"
    }

    /// The amount for people, in hundredths unless it is below one: `USD 1,212.40`.
    public var words: String {
        guard micros >= 10_000 || micros == 0 else { return description }
        let hundredths = micros / 10_000 + (micros % 10_000 >= 5_000 ? 1 : 0)
        return "\(currency) \((hundredths / 100).grouped).\(Self.padded(hundredths % 100 * 10_000).prefix(2))"
    }

    /// Returns the amount for people beside a limit of the same currency: with all its places if fewer would not tell it from the limit.
    public func words(beside limit: Money) -> String {
        self != limit && words == limit.words ? description : words
    }

    private static func padded(_ micros: Int) -> String {
        let digits = String(micros)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }
}

extension FieldCodec<Money> {
    /// An amount with its currency.
    static var money: Self {
        Self(
            schema: .text(upTo: 30, pattern: "^([A-Z]{3} ?[0-9]+([.][0-9]{1,6})?|[0-9]+([.][0-9]{1,6})? ?[A-Z]{3})$"),
            read: { reader, key in
                guard let read = reader.text(key, required: false, upTo: 30) else { return nil }
                guard let money = Money(read.value) else {
                    let message = "`\(read.value)` is not an amount of money"
                    let help = "write the currency and the amount, such as `USD 250`"
                    reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
                    return nil
                }
                return money
            },
            json: { .string($0.description) }
        )
    }
}
