/// How a YAML 1.1 reader takes a plain scalar that is a string, or another number, in YAML 1.2.
public enum YAML11Reading: Hashable, Sendable {
    /// `yes`, `no`, `on`, `off`, `y`, `n` in their usual cases.
    case bool(Bool)
    /// `08:30`: digits to the base of 60.
    case sexagesimal
    /// `2024-01-01`, with or without a time.
    case timestamp
    /// `0777`: octal there, decimal here.
    case octal
    /// `0b101` or `1_000`.
    case number
}

extension YAMLScalar {
    /// What a YAML 1.1 reader takes this scalar for, or `nil` if it agrees with ``value``.
    public var yaml11Reading: YAML11Reading? {
        guard style == .plain, tag == nil, let first = text.utf8.first else { return nil }
        // Most texts begin like neither a boolean nor a number.
        guard Self.isDigit(first) || Self.firstLetters.utf8.contains(first) else { return nil }
        switch text {
        case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
        case "n", "N", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        let bytes = Array(text.utf8)
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        let digits = isSigned ? bytes[1...] : bytes[...]
        guard let start = digits.first, Self.isDigit(start) else { return nil }
        if Self.isTimestamp(bytes) { return .timestamp }
        if Self.isSexagesimal(digits) { return .sexagesimal }
        if digits.count > 1, start == UInt8(ascii: "0") {
            if digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }) { return .octal }
            if digits.dropFirst().first == UInt8(ascii: "b"), digits.count > 2,
                digits.dropFirst(2).allSatisfy({ $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "1") })
            {
                return .number
            }
        }
        let isGrouped = digits.contains(UInt8(ascii: "_"))
        return isGrouped && digits.allSatisfy { Self.isDigit($0) || $0 == UInt8(ascii: "_") } ? .number : nil
    }

    private static let firstLetters = "yYnNoO+-"

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isSexagesimal(_ bytes: ArraySlice<UInt8>) -> Bool {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count > 1 else { return false }
        return parts.allSatisfy { (1...2).contains($0.count) && $0.allSatisfy(isDigit) }
            && parts.dropFirst().allSatisfy { part in
                part.count == 1 || part.first.map { $0 < UInt8(ascii: "6") } == true
            }
    }

    /// Checks for `dddd-d?d-d?d`, alone or followed by a time.
    private static func isTimestamp(_ bytes: [UInt8]) -> Bool {
        let date = bytes.prefix { isDigit($0) || $0 == UInt8(ascii: "-") }
        let parts = date.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4 else { return false }
        guard (1...2).contains(parts[1].count), (1...2).contains(parts[2].count) else { return false }
        guard let next = bytes.dropFirst(date.count).first else { return true }
        return next == UInt8(ascii: "T") || next == UInt8(ascii: "t") || next == UInt8(ascii: " ")
    }
}
