internal import Calendar

/// A buffer for the text form of one value, UTF-8.
public struct PostgresText: Sendable {
    private(set) var bytes: [UInt8] = []
    /// The first reason why the value cannot be stored.
    private(set) var fault: String?

    /// Makes an empty buffer; `capacity` is the number of bytes that are expected.
    public init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// Adds text unchanged.
    ///
    /// Postgres cannot store U+0000 in any text, so this is recorded as a fault.
    public mutating func append(_ string: String) {
        var string = string
        let hasNUL = string.withUTF8 { utf8 in
            unsafe bytes.append(contentsOf: utf8)
            return unsafe utf8.contains(0)
        }
        if hasNUL { fail("the text contains U+0000, which Postgres cannot store") }
    }

    /// Adds text as an element of an array literal: quoted, with quotes and backslashes escaped.
    public mutating func appendQuoted(_ string: String) {
        var string = string
        let hasNUL = string.withUTF8 { utf8 in
            var hasNUL = false
            bytes.append(UInt8(ascii: "\""))
            for index in 0..<utf8.count {
                let byte = unsafe utf8[index]
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                if byte == 0 { hasNUL = true }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
            return hasNUL
        }
        if hasNUL { fail("the text contains U+0000, which Postgres cannot store") }
    }

    /// Adds one ASCII byte.
    public mutating func append(byte: UInt8) {
        bytes.append(byte)
    }

    /// Adds a byte as two hexadecimal digits.
    mutating func append(hex byte: UInt8) {
        bytes.append(Self.digit(byte >> 4))
        bytes.append(Self.digit(byte & 15))
    }

    /// Adds a number in decimal, padded with zeros to `width`; `value` is not negative.
    mutating func append(_ value: Int, width: Int) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// Records that the value cannot be stored.
    public mutating func fail(_ reason: String) {
        fault = fault ?? reason
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") - 10 + nibble
    }
}

extension PostgresText {
    /// Adds an instant in UTC as Postgres reads it: `2026-03-28 09:00:00.000001+00`.
    ///
    /// The formatters of Foundation take a microsecond for this, and know only milliseconds.
    mutating func append(microsecondsSince2001 instant: Int64) {
        let perDay: Int64 = 86_400_000_000
        let (days, rest) = instant.quotientAndRemainder(dividingBy: perDay)
        // 2001-01-01 is 11,323 days after 1970-01-01.
        let date = CivilDate(days: Int(rest < 0 ? days - 1 : days) + 11_323)
        let microsecond = Int(rest < 0 ? rest + perDay : rest)
        // There is no year 0: it is 1 BC.
        append(date.year > 0 ? date.year : 1 - date.year, width: 4)
        append(byte: UInt8(ascii: "-"))
        append(date.month, width: 2)
        append(byte: UInt8(ascii: "-"))
        append(date.day, width: 2)
        append(byte: UInt8(ascii: " "))
        let second = microsecond / 1_000_000
        append(second / 3_600, width: 2)
        append(byte: UInt8(ascii: ":"))
        append(second / 60 % 60, width: 2)
        append(byte: UInt8(ascii: ":"))
        append(second % 60, width: 2)
        append(byte: UInt8(ascii: "."))
        append(microsecond % 1_000_000, width: 6)
        append("+00")
        if date.year <= 0 { append(" BC") }
    }
}
