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

    /// Whether the text fits the tag that the author wrote; a scalar without a tag always does.
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
