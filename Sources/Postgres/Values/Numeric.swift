/// A `numeric` value, such as the `sum()` of an `int8` column, as digits to the base 10,000.
struct Numeric {
    private let digits: [Int]
    /// The power of 10,000 of the first digit.
    private let weight: Int
    private let sign: UInt16

    init(_ bytes: RawSpan) throws(PostgresDecodingFailure) {
        guard let count = bytes.bigEndian(Int16.self, at: 0), let weight = bytes.bigEndian(Int16.self, at: 2),
            let sign = bytes.bigEndian(UInt16.self, at: 4)
        else { throw .wrongType }
        var digits: [Int] = []
        for index in 0..<Int(count) {
            guard let digit = bytes.bigEndian(Int16.self, at: 8 + 2 * index) else { throw .wrongType }
            digits.append(Int(digit))
        }
        self.digits = digits
        self.weight = Int(weight)
        self.sign = sign
    }

    private var isNegative: Bool { sign == 0x4000 }
    private var isFinite: Bool { sign == 0 || sign == 0x4000 }

    /// Returns the value, if it is a whole number that fits.
    func integer() throws(PostgresDecodingFailure) -> Int64 {
        guard isFinite, digits.indices.allSatisfy({ $0 <= weight || digits[$0] == 0 }), weight < 8 else {
            throw .outOfRange
        }
        var value: Int64 = 0
        for index in 0..<max(weight + 1, 0) {
            let digit = Int64(index < digits.count ? digits[index] : 0)
            let (shifted, tooBig) = value.multipliedReportingOverflow(by: 10_000)
            let (sum, overflow) = shifted.addingReportingOverflow(isNegative ? -digit : digit)
            guard !tooBig, !overflow else { throw .outOfRange }
            value = sum
        }
        return value
    }

    /// Returns the nearest floating-point number.
    func double() -> Double {
        guard isFinite else {
            return switch sign {
            case 0xD000: .infinity
            case 0xF000: -.infinity
            default: .nan
            }
        }
        var text = isNegative ? "-0" : "0"
        for digit in digits { text += String(digit + 10_000).dropFirst() }
        return Double(text + "e\((weight + 1 - digits.count) * 4)") ?? .nan
    }
}
