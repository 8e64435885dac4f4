import JSON
import YAML

/// Messages with buttons, lists and the like.
extension MessageReader {
    enum Interactive: String, CaseIterable {
        case button, list, flow, product, carousel
        case link = "cta_url"
        case products = "product_list"
        case catalog = "catalog_message"
        case locationRequest = "location_request_message"
        case addressRequest = "address_message"
        case callPermission = "call_permission_request"
        case voiceCall = "voice_call"
        case orderDetails = "order_details"
        case orderStatus = "order_status"
    }

    enum HeaderKind: String, CaseIterable {
        case text, image, video, document
    }

    func interactive(_ reader: inout FieldReader) {
        reader.require("type")
        let kind = reader.choice("type", of: Interactive.self)
        if kind != .product, kind != .callPermission { reader.require("body") }
        reader.mapping("body") { _ = $0.text("text", upTo: kind == .list ? 4096 : 1024) }
        reader.mapping("header") { header(&$0) }
        reader.mapping("footer") { _ = $0.text("text", upTo: 60) }
        reader.require("action")
        guard let action = reader.node("action"),
            var action = FieldReader(action.node, path: action.field, what: "`action`", sink: sink)
        else { return }
        switch kind {
        case .button: buttons(&action)
        case .list: sections(&action)
        case .link: link(&action)
        case .locationRequest: name(&action, "send_location")
        // Their actions name objects of the business, which only the API can check.
        default: return action.finishOpen()
        }
        action.finish()
    }

    private func header(_ reader: inout FieldReader) {
        reader.require("type")
        guard let kind = reader.choice("type", of: HeaderKind.self) else { return reader.skip(HeaderKind.self) }
        switch kind {
        case .text: _ = reader.text("text", upTo: 60)
        case .image, .video, .document:
            reader.require(kind.rawValue)
            let extras: Set<String> = kind == .document ? ["filename"] : []
            reader.mapping(kind.rawValue) { media(&$0, "`\(kind.rawValue)`", has: extras) }
        }
    }

    private func buttons(_ reader: inout FieldReader) {
        reader.require("buttons")
        var ids = UniqueTexts(sink: sink)
        let list = reader.list("buttons") { node, field in
            guard var reader = FieldReader(node, path: field, what: "a button", sink: sink) else { return }
            reader.require("type")
            if let type = reader.string("type"), type.value != "reply" {
                let message = "`\(type.value)` is not a type of button"
                sink.report(.messageShape, at: type.range, field: type.field, message, help: "use `reply`")
            }
            reader.require("reply")
            reader.mapping("reply") { reader in
                if let id = reader.text("id", upTo: 256) { ids.add(id) }
                _ = reader.text("title", upTo: 20)
            }
            reader.finish()
        }
        if let list { checkCount(list.node, list.field, 1...3, "buttons") }
    }

    private func sections(_ reader: inout FieldReader) {
        _ = reader.text("button", upTo: 20)
        reader.require("sections")
        var ids = UniqueTexts(sink: sink)
        var rows: [YAMLNode] = []
        let count = reader.node("sections")?.node.sequence?.count ?? 0
        let list = reader.list("sections") { node, field in
            guard var reader = FieldReader(node, path: field, what: "a section", sink: sink) else { return }
            _ = reader.text("title", required: count > 1, upTo: 24)
            reader.require("rows")
            _ = reader.list("rows") { node, field in
                rows.append(node)
                row(node, field, &ids)
            }
            reader.finish()
        }
        guard let list else { return }
        checkCount(list.node, list.field, 1...10, "sections")
        if rows.isEmpty || rows.count > 10 {
            let range = rows.count > 10 ? rows[10].range : list.range
            let message = "a list has 1 to 10 rows in all its sections, not \(rows.count)"
            sink.report(.messageShape, at: range, field: list.field, message)
        }
    }

    private func row(_ node: YAMLNode, _ field: String, _ ids: inout UniqueTexts) {
        guard var reader = FieldReader(node, path: field, what: "a row", sink: sink) else { return }
        if let id = reader.text("id", upTo: 200) { ids.add(id) }
        _ = reader.text("title", upTo: 24)
        _ = reader.text("description", required: false, upTo: 72)
        reader.finish()
    }

    private func link(_ reader: inout FieldReader) {
        name(&reader, "cta_url")
        reader.require("parameters")
        reader.mapping("parameters") { reader in
            _ = reader.text("display_text", upTo: 20)
            _ = reader.text("url", upTo: 2000)
        }
    }

    private func name(_ reader: inout FieldReader, _ expected: String) {
        reader.require("name")
        guard let name = reader.string("name"), name.value != expected else { return }
        let message = "`\(name.value)` is not the name of this action"
        sink.report(.messageShape, at: name.range, field: name.field, message, help: "write `\(expected)`")
    }

    private func checkCount(_ node: YAMLNode, _ field: String, _ range: ClosedRange<Int>, _ what: String) {
        guard let items = node.sequence, !range.contains(items.count) else { return }
        let place = items.count > range.upperBound ? items[range.upperBound].range : node.range
        let message = "a message has \(range.lowerBound) to \(range.upperBound) \(what), not \(items.count)"
        sink.report(.messageShape, at: place, field: field, message)
    }
}

/// Reports repeated texts.
private struct UniqueTexts {
    let sink: DiagnosticSink
    private var known: [String: YAMLRange] = [:]

    init(sink: DiagnosticSink) {
        self.sink = sink
    }

    mutating func add(_ read: ReadValue<String>) {
        guard let first = known.updateValue(read.range, forKey: read.value) else { return }
        let related = Diagnostic.Related(place: SourcePlace(file: sink.file, first), label: "first here")
        let message = "id `\(read.value)` is given twice"
        let help = "the answer names the id: make each one different"
        sink.report(.messageShape, at: read.range, field: read.field, message, help: help, related: related)
    }
}

extension MessageReader {
    /// Messages with buttons, lists and the like; the API checks actions that name objects of the business.
    static var interactive: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(Interactive.self) { $0.meaning },
            isRequired: true,
            "The action that the message offers.",
            examples: "button"
        )
        return .variants(by: type, of: Interactive.self) { kind in
            let isBodyRequired = kind != .product && kind != .callPermission
            let body = textObject(upTo: kind == .list ? 4096 : 1024)
            return SchemaObject([
                SchemaField(
                    "body",
                    body.value,
                    isRequired: isBodyRequired,
                    "The text.",
                    examples: ["text": "Shall we call you?"]
                ),
                SchemaField(
                    "header",
                    .definition("MessageHeader", words: "[header](#headers)"),
                    "The header above the text.",
                    examples: ["type": "text", "text": "ACME"]
                ),
                SchemaField(
                    "footer",
                    textObject(upTo: 60).value,
                    "The small text below the message.",
                    examples: ["text": "Reply STOP to unsubscribe"]
                ),
                SchemaField(
                    "action",
                    action(of: kind),
                    isRequired: true,
                    "The details of the action.",
                    examples: kind.example
                ),
            ])
        }
    }

    private static func textObject(upTo limit: Int) -> SchemaObject {
        SchemaObject([SchemaField("text", .text(upTo: limit), isRequired: true, "The text.", examples: "Hello")])
    }

    static var headerSchema: SchemaValue {
        let type = SchemaField(
            "type",
            .choice(HeaderKind.self) { "The content is in the field `\($0.rawValue)`." },
            isRequired: true,
            "The type of the header.",
            examples: "text"
        )
        return .variants(by: type, of: HeaderKind.self) { kind in
            let content: SchemaValue =
                switch kind {
                case .text: .text(upTo: 60)
                case .image, .video: media(has: []).value
                case .document: media(has: ["filename"]).value
                }
            let example: JSONValue = kind == .text ? "ACME" : ["id": "1013859600285441"]
            return SchemaObject([
                SchemaField(kind.rawValue, content, isRequired: true, "The content.", examples: example)
            ])
        }
    }

    private static func action(of kind: Interactive) -> SchemaValue {
        switch kind {
        case .button: SchemaObject([buttons]).value
        case .list: list.value
        case .link: link.value
        case .locationRequest: SchemaObject([actionName("send_location")]).value
        default: SchemaValue(["type": "object"], words: "mapping")
        }
    }

    private static func actionName(_ name: String) -> SchemaField {
        SchemaField("name", .constant(name), isRequired: true, "The name of the action.", examples: .string(name))
    }

    private static var buttons: SchemaField {
        let reply = SchemaObject([
            SchemaField("id", .text(upTo: 256), isRequired: true, "The id in the answer.", examples: "yes"),
            SchemaField("title", .text(upTo: 20), isRequired: true, "The label of the button.", examples: "Yes"),
        ])
        let button = SchemaObject([
            SchemaField("type", .constant("reply"), isRequired: true, "Always `reply`.", examples: "reply"),
            SchemaField(
                "reply",
                reply.value,
                isRequired: true,
                "The answer.",
                examples: ["id": "yes", "title": "Yes"]
            ),
        ])
        return SchemaField(
            "buttons",
            .list(of: button.value, 1...3),
            isRequired: true,
            "One to three buttons.",
            examples: [["type": "reply", "reply": ["id": "yes", "title": "Yes"]]]
        )
    }

    private static var list: SchemaObject {
        let row = SchemaObject([
            SchemaField("id", .text(upTo: 200), isRequired: true, "The id in the answer.", examples: "small"),
            SchemaField("title", .text(upTo: 24), isRequired: true, "The text of the row.", examples: "Small"),
            SchemaField("description", .text(upTo: 72), "The small text below the title.", examples: "For one"),
        ])
        let section = SchemaObject([
            SchemaField(
                "title",
                .text(upTo: 24),
                "The title; required if there are several sections.",
                examples: "Sizes"
            ),
            SchemaField(
                "rows",
                .list(of: row.value),
                isRequired: true,
                "The rows; at most 10 in all sections.",
                examples: [["id": "small", "title": "Small"]]
            ),
        ])
        var sections = SchemaValue.list(of: section.value, 1...10)
        sections.keywords["contains"] = ["properties": ["rows": ["minItems": 1]]]
        return SchemaObject([
            SchemaField(
                "button",
                .text(upTo: 20),
                isRequired: true,
                "The label of the button that opens the list.",
                examples: "Choose"
            ),
            SchemaField(
                "sections",
                sections,
                isRequired: true,
                "The sections of the list.",
                examples: [["rows": [["id": "small", "title": "Small"]]]]
            ),
        ])
    }

    private static var link: SchemaObject {
        let parameters = SchemaObject([
            SchemaField(
                "display_text",
                .text(upTo: 20),
                isRequired: true,
                "The label of the button.",
                examples: "Read on"
            ),
            SchemaField("url", .text(upTo: 2000), isRequired: true, "The address.", examples: "https://acme.example"),
        ])
        return SchemaObject([
            actionName("cta_url"),
            SchemaField(
                "parameters",
                parameters.value,
                isRequired: true,
                "The label and the address of the button.",
                examples: ["display_text": "Read on", "url": "https://acme.example"]
            ),
        ])
    }
}

extension MessageReader.Interactive {
    fileprivate var meaning: String {
        switch self {
        case .button: "Answer with one of up to three buttons."
        case .list: "Choose a row of a list."
        case .flow: "Fill in a flow."
        case .product: "Look at a product of the catalog."
        case .carousel: "Swipe through cards."
        case .link: "Open an address."
        case .products: "Look at several products of the catalog."
        case .catalog: "Look at the whole catalog."
        case .locationRequest: "Share a location."
        case .addressRequest: "Share an address."
        case .callPermission: "Permit a call."
        case .voiceCall: "Call."
        case .orderDetails: "Pay an order."
        case .orderStatus: "See the status of an order."
        }
    }

    fileprivate var example: JSONValue {
        switch self {
        case .button: ["buttons": [["type": "reply", "reply": ["id": "yes", "title": "Yes"]]]]
        case .list: ["button": "Choose", "sections": [["rows": [["id": "small", "title": "Small"]]]]]
        case .link:
            [
                "name": "cta_url",
                "parameters": ["display_text": "Read on", "url": "https://acme.example"],
            ]
        case .locationRequest: ["name": "send_location"]
        default: ["name": .string(rawValue)]
        }
    }
}
