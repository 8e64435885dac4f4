public import JSON
internal import YAML

extension TemplateSpec {
    /// Reads a template back from a row, by whatever rules it was taken in.
    ///
    /// The rules for what is written today become stricter, and rows stay as they are. WhatsApp holds the approved texts
    /// itself, so an old template is as good to send as a new one.
    ///
    /// - Throws: ``SpecError`` that names the fields, if something is missing that every template has, or is of another
    ///   type.
    public init(stored: JSONValue) throws(SpecError) {
        let sink = DiagnosticSink(file: "")
        guard var reader = FieldReader(stored.node, path: "", what: Self.kind.phrase, sink: sink),
            let spec = Self(stored: &reader), sink.isClean(since: 0)
        else { throw SpecError(diagnostics: sink.diagnostics) }
        self = spec
    }

    private init?(stored reader: inout FieldReader) {
        for key in ["name", "whatsappName", "category", "body"] { reader.require(key) }
        let (name, protect) = (reader.string("name"), reader.bool("protect"))
        let (whatsappName, language) = (reader.string("whatsappName"), reader.string("language"))
        let category = reader.choice("category", of: Category.self)
        let (headerText, body, footer) = (reader.string("header"), reader.string("body"), reader.string("footer"))
        let sink = reader.sink
        let buttons = reader.list("buttons") { node, path in TemplateButton(stored: node, path: path, sink: sink) }
        reader.finishOpen()
        guard let name, let whatsappName, let category, let body else { return nil }
        self.init(
            header: SpecHeader(name: name.value, protect: protect ?? false),
            whatsappName: whatsappName.value,
            language: language?.value,
            category: category,
            headerText: headerText?.value,
            body: body.value,
            footer: footer?.value,
            buttons: buttons?.value ?? []
        )
    }
}

extension TemplateButton {
    fileprivate init?(stored node: YAMLNode, path: String, sink: DiagnosticSink) {
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
