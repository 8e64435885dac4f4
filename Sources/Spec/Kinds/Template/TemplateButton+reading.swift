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
            guard let number = reader.text("phoneNumber", upTo: 20)?.value, let text else { return nil }
            self = .phone(text: text, phoneNumber: number)
        }
    }

    private static func url(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("url", upTo: 2000) else { return nil }
        guard read.value.hasPrefix("https://") || read.value.hasPrefix("http://") else {
            let message = "`\(read.value)` is not a web address"
            reader.sink.report(
                .invalidValue,
                at: read.range,
                field: read.field,
                message,
                help: "start it with `https://`"
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
