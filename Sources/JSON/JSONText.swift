extension JSONValue: CustomStringConvertible {
    /// The shortest JSON text, with sorted keys: equal values have equal texts.
    public var canonicalText: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The canonical text.
    public var description: String { canonicalText }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        // JSON has no word for infinity.
        case .number(let value): bytes += value.isFinite ? Array("\(value)".utf8) : Array("null".utf8)
        case .string(let text): JSONText.append(text, to: &bytes)
        case .array(let items):
            bytes.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                item.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let fields):
            bytes.append(UInt8(ascii: "{"))
            for (index, field) in fields.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONText.append(field.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                field.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}

extension JSONValue {
    /// JSON text for people, with sorted keys and two spaces for each level; short lists of plain values take one line.
    public var indentedText: String {
        var text = ""
        append(to: &text, depth: 0)
        return text
    }

    private func append(to text: inout String, depth: Int) {
        let inner = String(repeating: "  ", count: depth + 1)
        let outer = String(repeating: "  ", count: depth)
        switch self {
        case .object(let fields) where !fields.isEmpty:
            text += "{\n"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += ",\n" }
                text += inner + JSONValue.string(field.key).canonicalText + ": "
                field.value.append(to: &text, depth: depth + 1)
            }
            text += "\n\(outer)}"
        case .array(let items) where !isShortList:
            text += "[\n"
            for (index, item) in items.enumerated() {
                if index > 0 { text += ",\n" }
                text += inner
                item.append(to: &text, depth: depth + 1)
            }
            text += "\n\(outer)]"
        case .array(let items): text += "[" + items.map(\.canonicalText).joined(separator: ", ") + "]"
        default: text += canonicalText
        }
    }

    private var isShortList: Bool {
        guard case .array(let items) = self else { return false }
        let isPlain = items.allSatisfy { $0.arrayValue == nil && $0.objectValue == nil }
        return isPlain && canonicalText.utf8.count <= 80
    }
}

/// Writes JSON text without making a tree of values first.
package enum JSONText {
    /// Adds a text in quotes, with escapes only where JSON asks for them.
    package static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { unsafe append(utf8: $0, to: &bytes) }
    }

    /// Adds a text given as bytes, which must be UTF-8.
    package static func append(utf8: some Collection<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if utf8.contains(where: needsEscape) {
            for byte in utf8 { append(byte, to: &bytes) }
        } else {
            bytes.append(contentsOf: utf8)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Adds a text in quotes, with all characters outside of ASCII as `\uXXXX`.
    package static func appendASCII(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for unit in text.utf16 {
            if unit < 0x80 {
                append(UInt8(unit), to: &bytes)
            } else {
                let digits = String(unit, radix: 16)
                bytes += ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func append(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case 0x08: bytes += "\\b".utf8
        case 0x09: bytes += "\\t".utf8
        case 0x0A: bytes += "\\n".utf8
        case 0x0C: bytes += "\\f".utf8
        case 0x0D: bytes += "\\r".utf8
        case ..<0x20: bytes += ("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16)).utf8
        default: bytes.append(byte)
        }
    }
}

/// Writes JSON straight into bytes; the caller keeps commas and brackets in order.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    /// Makes a writer with room for a number of bytes.
    package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// Adds text as it is: punctuation, keys, and values known to need no escape.
    package mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Adds a whole number.
    package mutating func number(_ value: some BinaryInteger) { bytes.append(contentsOf: String(value).utf8) }

    /// Adds a text in quotes; with `asciiOnly`, other characters become `\uXXXX`, as in the webhooks of WhatsApp.
    package mutating func string(_ text: String, asciiOnly: Bool = false) {
        if asciiOnly { JSONText.appendASCII(text, to: &bytes) } else { JSONText.append(text, to: &bytes) }
    }
}
