import JSON

/// Writes values as YAML that YAML 1.1 and 1.2 readers read as the same values.
enum YAMLText {
    /// The maximum length of a mapping on one line; longer mappings are written on several lines.
    private static let lineLength = 100

    /// Writes the lines of a mapping, each indented by `indent` spaces.
    ///
    /// - Parameters:
    ///   - fields: Keys and values, in the order in which they are written.
    ///   - indent: The number of spaces before the keys.
    /// - Returns: The lines, without line ends.
    static func lines(_ fields: [(key: String, value: JSONValue)], indent: Int = 0) -> [String] {
        let margin = String(repeating: " ", count: indent)
        return fields.flatMap { field -> [String] in
            let key = margin + scalar(field.key) + ":"
            switch field.value {
            case .object(let inner) where !inner.isEmpty:
                if let line = short(field.value, room: lineLength - key.count) { return ["\(key) \(line)"] }
                return [key] + lines(sorted(inner), indent: indent + 2)
            case .array(let items) where !items.isEmpty:
                if isPlainList(items), let line = short(field.value, room: lineLength - key.count) {
                    return ["\(key) \(line)"]
                }
                return [key] + items.flatMap { item($0, indent: indent + 2) }
            case .string(let text) where isBlock(text):
                let inner = String(repeating: " ", count: indent + 2)
                let body = text.split(separator: "\n", omittingEmptySubsequences: false)
                return ["\(key) |-"] + body.map { $0.isEmpty ? "" : inner + $0 }
            default:
                return ["\(key) \(flow(field.value))"]
            }
        }
    }

    private static func item(_ value: JSONValue, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        if let line = short(value, room: lineLength - indent - 2) { return ["\(margin)- \(line)"] }
        switch value {
        case .object(let inner) where !inner.isEmpty:
            var lines = lines(sorted(inner), indent: indent + 2)
            lines[0] = margin + "- " + lines[0].dropFirst(indent + 2)
            return lines
        default:
            return ["\(margin)- \(flow(value))"]
        }
    }

    /// Writes the value on one line; `nil` if it is too long or holds a list of mappings.
    private static func short(_ value: JSONValue, room: Int) -> String? {
        guard isShallow(value) else { return nil }
        let text = flow(value)
        return text.count <= room ? text : nil
    }

    private static func isShallow(_ value: JSONValue) -> Bool {
        switch value {
        case .array(let items): isPlainList(items)
        case .object(let fields):
            fields.allSatisfy { field in
                switch field.value {
                case .object: false
                case .array(let items): isPlainList(items)
                default: true
                }
            }
        default: true
        }
    }

    private static func isPlainList(_ items: [JSONValue]) -> Bool {
        items.allSatisfy { $0.arrayValue == nil && $0.objectValue == nil }
    }

    /// Writes the value in flow style, with plain words where they are safe.
    private static func flow(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): scalar(text)
        case .array(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
        case .object(let fields) where fields.isEmpty: "{}"
        case .object(let fields):
            "{ " + sorted(fields).map { "\(scalar($0.key)): \(flow($0.value))" }.joined(separator: ", ") + " }"
        case .null, .bool, .integer, .number: value.canonicalText
        }
    }

    /// Sorts the fields: those that read as a sentence first, then the rest by name.
    private static func sorted(_ fields: JSONObject) -> [(key: String, value: JSONValue)] {
        let first = ["type", "logic", "field", "operator", "value", "conditions", "from", "to"]
        return fields.sorted { left, right in
            let ranks = (first.firstIndex(of: left.key) ?? first.count, first.firstIndex(of: right.key) ?? first.count)
            return ranks.0 == ranks.1 ? left.key < right.key : ranks.0 < ranks.1
        }
    }

    static func scalar(_ text: String) -> String {
        isPlain(text) ? text : quoted(text)
    }

    /// Quotes the text and escapes every character that a reader may refuse or fold.
    private static func quoted(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escaped += "\\\(scalar)"
            case "\n": escaped += "\\n"
            case "\t": escaped += "\\t"
            case _ where !isPrintable(scalar): escaped += escape(scalar)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return "\"\(escaped)\""
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let (letter, width) = scalar.value > 0xFFFF ? ("U", 8) : ("u", 4)
        return "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: false
        default: true
        }
    }

    /// Returns true for words that every reader reads as strings.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetter(first), text.utf8.last != UInt8(ascii: " ") else { return false }
        guard !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased()) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || " -_./".utf8.contains(byte)
        } || isReference(text)
    }

    /// Returns true for `env:NAME` and `file:/path`, which need no quotes and read better without.
    private static func isReference(_ text: String) -> Bool {
        guard let reference = SecretReference(text) else { return false }
        return reference.description == text
            && text.utf8.allSatisfy { byte in
                isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ":-_./".utf8.contains(byte)
            }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// Returns true if a text has several lines and can be written as a block, which has no escapes.
    private static func isBlock(_ text: String) -> Bool {
        guard text.contains("\n"), text.last != "\n", let first = text.first, first != " ", first != "\n" else {
            return false
        }
        return text.unicodeScalars.allSatisfy { $0 == "\n" || isPrintable($0) }
            && !text.split(separator: "\n", omittingEmptySubsequences: false).contains { $0.last == " " }
    }
}
