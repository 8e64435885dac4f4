internal import YAML

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
            // Without a type nothing is known about the other fields.
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

    /// Whether a text is a number that can be called from anywhere: up to 15 digits that begin with the country code,
    /// a plus sign before them if need be, and between them what makes them easier to read.
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
    /// How many buttons of the kind a template may have; `nil` means as many as of all kinds.
    var limit: Int? {
        switch self {
        case .url: 2
        case .phone, .copyCode: 1
        case .quickReply: nil
        }
    }
}
