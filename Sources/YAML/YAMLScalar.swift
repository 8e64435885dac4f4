/// The text of a scalar and how it was written.
public struct YAMLScalar: Sendable {
    /// The style of a scalar.
    public enum Style: Sendable {
        case plain
        case singleQuoted
        case doubleQuoted
        /// A `|` block.
        case literal
        /// A `>` block.
        case folded
    }

    /// The tags that are understood; every other tag is a problem.
    public enum CoreTag: String, Sendable {
        case null, bool, int, float, str
    }

    public let text: String
    public let style: Style
    /// The tag that the author wrote, if any; `!` alone counts as `str`.
    public let tag: CoreTag?

    /// Makes a scalar.
    public init(text: String, style: Style, tag: CoreTag? = nil) {
        self.text = text
        self.style = style
        self.tag = tag
    }
}

extension YAMLScalar {
    /// The value under the YAML 1.2 core schema: `no`, `on`, `08:30` and `2024-01-01` are strings.
    public var value: YAMLValue {
        switch tag {
        case .str: .string(text)
        case .null: .null
        case .bool, .int, .float: Self.resolve(text)
        case nil: style == .plain ? Self.resolve(text) : .string(text)
        }
    }

    /// True if the text fits the tag that the author wrote; a scalar without a tag always does.
    var fitsTag: Bool {
        switch (tag, Self.resolve(text)) {
        case (nil, _), (.str, _), (.null, .null), (.bool, .bool), (.int, .int), (.float, .float), (.float, .int): true
        default: false
        }
    }

    static func resolve(_ text: String) -> YAMLValue {
        guard let first = text.utf8.first else { return .null }
        switch first {
        case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"):
            return ["~", "null", "Null", "NULL"].contains(text) ? .null : .string(text)
        case UInt8(ascii: "t"), UInt8(ascii: "T"):
            return ["true", "True", "TRUE"].contains(text) ? .bool(true) : .string(text)
        case UInt8(ascii: "f"), UInt8(ascii: "F"):
            return ["false", "False", "FALSE"].contains(text) ? .bool(false) : .string(text)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return number(text) ?? .string(text)
        default:
            return .string(text)
        }
    }

    private static func number(_ text: String) -> YAMLValue? {
        if text.hasPrefix("0o") { return radix(text, 8) }
        if text.hasPrefix("0x") { return radix(text, 16) }
        let unsigned = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        if [".inf", ".Inf", ".INF"].contains(unsigned) {
            return .float(text.hasPrefix("-") ? -Double.infinity : Double.infinity)
        }
        if [".nan", ".NaN", ".NAN"].contains(text) { return .float(.nan) }
        guard isDecimal(unsigned.utf8) else { return nil }
        if let integer = Int(text) { return .int(integer) }
        // Double's reader rejects a bare leading or trailing point, which YAML allows.
        return Double(text).map(YAMLValue.float) ?? Double(padded(text)).map(YAMLValue.float)
    }

    private static func radix(_ text: String, _ radix: Int) -> YAMLValue? {
        let digits = text.dropFirst(2)
        guard let first = digits.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
        return Int(digits, radix: radix).map(YAMLValue.int)
    }

    /// Checks `[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?` and `\.[0-9]+…`, without a sign.
    private static func isDecimal(_ bytes: Substring.UTF8View) -> Bool {
        var rest = bytes
        func skipDigits() -> Int {
            let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        var digits = skipDigits()
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            digits += skipDigits()
        }
        guard digits > 0 else { return false }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    private static func padded(_ text: String) -> String {
        guard let point = text.firstIndex(of: ".") else { return text }
        return "\(text[..<point])0\(text[point...])0"
    }
}

/// The reading of a plain scalar in YAML 1.1 that is a string, or another number, in YAML 1.2.
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
    /// The reading of this scalar in YAML 1.1, or `nil` if it agrees with ``value``.
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
