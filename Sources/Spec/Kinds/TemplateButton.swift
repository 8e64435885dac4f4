public import JSON
import YAML

/// A button below a template message.
public enum TemplateButton: Hashable, Sendable {
    case quickReply(text: String)
    /// Opens an address; `{{1}}` at its end is a variable.
    case url(text: String, url: String)
    case phone(text: String, phoneNumber: String)
    /// Copies the code given as parameter.
    case copyCode

    enum Kind: String, CaseIterable {
        case quickReply, url, phone, copyCode
    }

    var kind: Kind {
        switch self {
        case .quickReply: .quickReply
        case .url: .url
        case .phone: .phone
        case .copyCode: .copyCode
        }
    }

    /// True if a campaign must give the button a value.
    public var hasParameter: Bool {
        switch self {
        case .url(_, let url): url.hasSuffix("{{1}}")
        case .copyCode: true
        case .quickReply, .phone: false
        }
    }

    /// The button in the form of a spec.
    public var json: JSONValue {
        switch self {
        case .quickReply(let text): ["type": "quickReply", "text": .string(text)]
        case .url(let text, let url): ["type": "url", "text": .string(text), "url": .string(url)]
        case .phone(let text, let number): ["type": "phone", "text": .string(text), "phoneNumber": .string(number)]
        case .copyCode: ["type": "copyCode"]
        }
    }
}

extension TemplateSpec {
    /// Reads the list of buttons; broken ones are reported and left out.
    static func buttons(_ reader: inout FieldReader) -> [TemplateButton] {
        guard let read = reader.node("buttons") else { return [] }
        guard let items = read.node.sequence else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a list")
            return []
        }
        let sink = reader.sink
        var kinds: [TemplateButton.Kind] = []
        if items.count > 10 {
            let message = "a template has at most 10 buttons, not \(items.count)"
            sink.report(.templateLimit, at: items[10].range, field: read.field, message)
        }
        return items.enumerated().compactMap { index, item in
            let field = FieldPath.item(index, of: read.field)
            guard let button = TemplateButton(item, path: field, sink: sink) else { return nil }
            kinds.append(button.kind)
            if let limit = button.kind.limit, kinds.count(where: { $0 == button.kind }) == limit + 1 {
                let message =
                    "a template has at most \(limit) `\(button.kind.rawValue)` \(limit == 1 ? "button" : "buttons")"
                sink.report(.templateLimit, at: item.range, field: field, message)
            }
            return button
        }
    }
}

extension TemplateButton {
    fileprivate init?(_ node: YAMLNode, path: String, sink: DiagnosticSink) {
        guard var reader = FieldReader(node, path: path, what: "a button", sink: sink) else { return nil }
        defer { reader.finish() }
        reader.require("type")
        guard let kind = reader.choice("type", of: Kind.self) else {
            // Without a type, any of the other fields may be right.
            for key in ["text", "url", "phoneNumber"] { _ = reader.node(key) }
            return nil
        }
        let text = kind == .copyCode ? nil : reader.text("text", upTo: 25)?.value
        switch kind {
        case .copyCode: self = .copyCode
        case .quickReply:
            guard let text else { return nil }
            self = .quickReply(text: text)
        case .url:
            guard let url = Self.url(&reader), let text else { return nil }
            self = .url(text: text, url: url)
        case .phone:
            guard let number = Self.phoneNumber(&reader), let text else { return nil }
            self = .phone(text: text, phoneNumber: number)
        }
    }

    private static func phoneNumber(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("phoneNumber", upTo: 20) else { return nil }
        guard isPhoneNumber(read.value) else {
            let message = "`\(read.value)` is not a phone number"
            let help = "write it with its country code, such as \"+254700100200\""
            reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }

    /// True if a text is a phone number with its country code: an optional plus sign and 7 to 15 digits, with blanks,
    /// brackets and hyphens between them.
    private static func isPhoneNumber(_ text: String) -> Bool {
        let number = text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        let digits = number.utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (7...15).contains(digits.count), digits.first != UInt8(ascii: "0") else { return false }
        let isOpen = number.utf8.first == digits.first && number.utf8.last == digits.last
        return isOpen && number.utf8.allSatisfy { digits.contains($0) || " ()-".utf8.contains($0) }
    }

    private static func url(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("url", upTo: 2000) else { return nil }
        let scheme = ["https://", "http://"].first(where: read.value.hasPrefix)
        let hasBlank = read.value.unicodeScalars.contains(where: \.properties.isWhitespace)
        guard let scheme, !hasBlank, !["", "{{1}}"].contains(read.value.dropFirst(scheme.count)) else {
            let message = "`\(read.value)` is not a web address"
            reader.sink.report(
                .invalidValue,
                at: read.range,
                field: read.field,
                message,
                help: "start it with `https://` and a host, and leave out blanks"
            )
            return nil
        }
        let fixed = read.value.hasSuffix("{{1}}") ? String(read.value.dropLast(5)) : read.value
        guard PlaceholderText(fixed).pair(PlaceholderText.open) == nil else {
            let message = "a web address has at most one variable, at its end"
            reader.sink.report(.templateLimit, at: read.range, field: read.field, message, help: "end it with {{1}}")
            return nil
        }
        return read.value
    }
}

extension TemplateButton.Kind {
    /// The maximum number of buttons of this type in a template; `nil` means that only the limit for all types applies.
    var limit: Int? {
        switch self {
        case .url: 2
        case .phone, .copyCode: 1
        case .quickReply: nil
        }
    }
}

extension TemplateButton {
    /// Reads a button of a row; see ``TemplateSpec/init(stored:)``.
    init?(stored node: YAMLNode, path: String, sink: DiagnosticSink) {
        guard var reader = FieldReader(node, path: path, what: "a button", sink: sink) else { return nil }
        defer { reader.finishOpen() }
        reader.require("type")
        guard let kind = reader.choice("type", of: Kind.self) else { return nil }
        func value(_ key: String) -> String? {
            reader.require(key)
            return reader.string(key)?.value
        }
        switch kind {
        case .copyCode: self = .copyCode
        case .quickReply:
            guard let text = value("text") else { return nil }
            self = .quickReply(text: text)
        case .url:
            guard let text = value("text"), let url = value("url") else { return nil }
            self = .url(text: text, url: url)
        case .phone:
            guard let text = value("text"), let number = value("phoneNumber") else { return nil }
            self = .phone(text: text, phoneNumber: number)
        }
    }
}

extension TemplateButton {
    static var schema: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(Kind.self) { kind in
                switch kind {
                case .quickReply: "The recipient answers with the text of the button."
                case .url: "Opens a web address."
                case .phone: "Calls a number."
                case .copyCode: "Copies the code that the campaign gives as a parameter."
                }
            },
            isRequired: true,
            "The action of the button.",
            examples: "quickReply"
        )
        return .variants(by: type, of: Kind.self) { SchemaObject($0.fields) }
    }
}

extension TemplateButton.Kind {
    fileprivate var fields: [SchemaField] {
        let text = SchemaField(
            "text",
            .text(upTo: 25),
            isRequired: true,
            "The label of the button.",
            examples: "Read on"
        )
        switch self {
        case .quickReply: return [text]
        case .copyCode: return []
        case .url:
            let url = SchemaField(
                "url",
                .text(upTo: 2000, pattern: "^https?://((?!\\{\\{)\\S)+(\\{\\{1\\}\\})?$"),
                isRequired: true,
                "The address. `{{1}}` at its end is a variable, which campaigns call `button.0` for the first button.",
                examples: "https://shop.acme.example/pay/{{1}}"
            )
            return [text, url]
        case .phone:
            let number = SchemaField(
                "phoneNumber",
                .text(upTo: 20, pattern: TextPattern.phoneNumber),
                isRequired: true,
                "The number to call, with its country code; at most 20 characters.",
                examples: "+254700100200"
            )
            return [text, number]
        }
    }
}

extension TemplateSpec {
    /// The number of buttons allowed for each type.
    ///
    /// Only JSON Schema 2020-12 can express these limits, and editors do not support it.
    package static var buttonLimits: [JSONValue] {
        TemplateButton.Kind.allCases.compactMap { kind in
            kind.limit.map { limit in
                [
                    "contains": SchemaRule.has("type", .string(kind.rawValue)), "minContains": 0,
                    "maxContains": .integer(limit),
                ]
            }
        }
    }
}
