internal import YAML

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
        // Their actions name things of the business that only the API knows.
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

/// Reports texts that were there before.
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
