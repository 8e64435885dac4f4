/// Writes JSON straight into bytes; the caller keeps commas and brackets in order.
struct JSONWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// Appends text as it stands: punctuation, keys, and values known to need no escape.
    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Appends a whole number.
    mutating func number(_ value: some BinaryInteger) { bytes.append(contentsOf: String(value).utf8) }

    /// Appends a quoted string; with `asciiOnly`, other characters become `\uXXXX`, as the real webhooks have it.
    mutating func string(_ text: String, asciiOnly: Bool = false) {
        bytes.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C && ($0 < 0x80 || !asciiOnly) }) {
            bytes.append(contentsOf: text.utf8)
        } else {
            for scalar in text.unicodeScalars { escaped(scalar, asciiOnly: asciiOnly) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ scalar: Unicode.Scalar, asciiOnly: Bool) {
        switch scalar {
        case "\"": raw("\\\"")
        case "\\": raw("\\\\")
        case "\n": raw("\\n")
        case "\r": raw("\\r")
        case "\t": raw("\\t")
        default:
            guard scalar.value < 0x20 || (asciiOnly && scalar.value >= 0x80) else {
                return bytes.append(contentsOf: String(scalar).utf8)
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                raw("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
            }
        }
    }
}
