import JSON
import YAML

/// The texts of a template in another language.
///
/// A part that is the same in all languages, such as a file in the header, can be left out.
public struct TemplateTranslation: Hashable, Sendable {
    /// A button with another label, or another button of the same type.
    enum Button: Hashable, Sendable {
        case label(String)
        case whole(TemplateButton)

        var json: JSONValue {
            switch self {
            case .label(let text): .string(text)
            case .whole(let button): button.json
            }
        }
    }

    var header: TemplateHeader?
    var body: String?
    var footer: String?
    var buttons: [Button] = []
    var cards: [TemplateCard] = []
    var offer: TemplateOffer?
    var examples: [String: String]?

    /// Creates a translation without texts.
    public init() {}
}

extension TemplateTranslation: SpecMapping {
    static let fields: [Field] = [
        Field("header", \.header, .header())
            .says(
                "The part above the body. A file or a place that is left out is that of the template.",
                examples: "Sua visita em {{1}}"
            ),
        Field("body", \.body, .part(upTo: 1024))
            .says(
                "The text, with the variables of the template.",
                examples: "Oi {{1}}, seu pagamento de {{2}} venceu."
            ),
        Field("footer", \.footer, .part(upTo: 60, variables: 0))
            .says("The small text below the body.", examples: "Responda PARE para cancelar"),
        Field("buttons", \.buttons, .translatedButtons)
            .says(
                "The buttons, in the order of the template: the label, or the whole button if more than its label differs. "
                    + "A `copyCode` or `contactInfo` button has WhatsApp's label, and stands as its type.",
                examples: ["Pagar agora"],
                [["type": "url", "text": "Pagar agora", "url": "https://shop.acme.example/pt/pay/{{1}}"]]
            ),
        Field("cards", \.cards, .cards)
            .says(
                "The cards of a carousel, all of them and as a whole.",
                examples: [
                    ["header": ["image": true], "buttons": [["type": "quickReply", "text": "Pedir"]]],
                    ["header": ["image": true], "buttons": [["type": "quickReply", "text": "Pedir"]]],
                ]
            ),
        Field("offer", \.offer, .mapping)
            .says("The offer, with its text.", examples: ["text": "Acaba logo!"]),
        Field("examples", \.examples, .examples)
            .says(
                "Texts for the variables that reviewers see; those that are left out are those of the template.",
                examples: ["1": "João"]
            ),
    ]
}

extension TemplateSpec {
    /// The template in each of its languages, as WhatsApp knows them: its own first, the others by their codes.
    public var submissions: [TemplateSpec] {
        guard !languages.isEmpty else { return [self] }
        var own = self
        (own.languages, own.fallback) = ([:], nil)
        return [own] + languages.sorted { $0.key < $1.key }.map { own.translated($0.value, to: $0.key) }
    }

    /// The codes of all languages, the own one first.
    public var codes: [String] { [language ?? ""] + languages.keys.sorted() }

    /// Returns the template in one of its languages; itself if it has no such language.
    func inLanguage(_ code: String?) -> TemplateSpec {
        submissions.first { $0.language == code } ?? submissions[0]
    }

    private func translated(_ texts: TemplateTranslation, to code: String) -> TemplateSpec {
        var spec = self
        spec.language = code
        if headerText != nil || texts.header != nil { spec.top = texts.header }
        (spec.body, spec.footer) = (texts.body ?? "", texts.footer)
        spec.offer = texts.offer ?? offer
        spec.cards = texts.cards
        spec.buttons = texts.buttons.enumerated().compactMap { index, button in
            switch button {
            case .whole(let whole): whole
            case .label(let text): buttons.indices.contains(index) ? buttons[index].labelled(text) : nil
            }
        }
        if texts.buttons.isEmpty, !buttons.contains(where: \.kind.hasLabel) { spec.buttons = buttons }
        spec.examples = texts.examples.map { (examples ?? [:]).merging($0) { $1 } } ?? examples
        spec.parameters = TemplateParameter.all(of: spec)
        return spec
    }

    /// Reports a language that stands twice, and a fallback that the template does not have; `own` is its own language.
    fileprivate func checkCodes(_ own: String, _ report: (_ field: String, _ message: String, _ help: String) -> Void) {
        if languages[own] != nil {
            let help = "its texts are the fields of the template: remove it here"
            report("languages.\(own)", "`\(own)` is the language of the template itself", help)
        }
        guard let fallback, fallback != own, languages[fallback] == nil else { return }
        let known = ([own] + languages.keys.sorted()).map { "`\($0)`" }.joined(separator: ", ")
        report("fallback", "the template has no language `\(fallback)`", "it has \(known)")
    }

    /// Checks that each language has the parts and the parameters of the template, within WhatsApp's limits.
    func checkLanguages(_ reader: FieldReader) {
        if let language {
            checkCodes(language) { field, message, help in
                let key = String(field.prefix { $0 != "." })
                let place = reader.peek(key)
                let range = place?.node.mapping?.pair(language)?.keyRange ?? place?.range ?? reader.node.range
                reader.sink.report(.translation, at: range, field: field, message, help: help)
            }
        }
        guard let place = reader.peek("languages"), let mapping = place.node.mapping else { return }
        for (code, texts) in languages.sorted(by: { $0.key < $1.key }) {
            guard let pair = mapping.pair(code),
                let nested = FieldReader(
                    pair.value,
                    path: "\(place.field).\(code)",
                    what: "a language",
                    sink: reader.sink
                )
            else { continue }
            let differences = differences(of: texts, code)
            for (part, message) in differences {
                let range = part.flatMap { nested.peek($0) }?.range ?? pair.keyRange
                let field = part.map(nested.field) ?? nested.path
                let help = "campaigns give the same parameters to all languages: write the parts that the template has"
                nested.sink.report(.translation, at: range, field: field, "language `\(code)` \(message)", help: help)
            }
            guard differences.isEmpty else { continue }
            let whole = translated(texts, to: code)
            whole.checkStyle(nested)
            TemplateLimits(spec: whole).check(nested)
        }
    }

    /// Returns the parts in which a language differs, with words that follow its name.
    private func differences(of texts: TemplateTranslation, _ code: String) -> [(part: String?, message: String)] {
        let isOwn = otp != nil
        let parts: [(name: String, isThere: Bool, isWanted: Bool)] = [
            ("body", texts.body != nil, !isOwn),
            ("header", texts.header != nil || top != nil && headerText == nil, top != nil),
            ("footer", texts.footer != nil, footer != nil),
            (
                "buttons", !texts.buttons.isEmpty || !buttons.contains(where: \.kind.hasLabel) && !buttons.isEmpty,
                !buttons.isEmpty
            ),
            ("cards", !texts.cards.isEmpty, !cards.isEmpty),
            ("offer", texts.offer != nil || offer != nil, offer != nil),
        ]
        var found: [(part: String?, message: String)] = []
        for part in parts where part.isThere != part.isWanted {
            let message = part.isWanted ? "has no `\(part.name)`" : "has `\(part.name)`, and the template has none"
            found.append((part.isWanted ? nil : part.name, message))
        }
        guard found.isEmpty else { return found }
        let whole = translated(texts, to: code)
        if let header = top, whole.top?.kind != header.kind {
            found.append(("header", "has a header of another kind"))
        }
        if texts.buttons.count != buttons.count, !texts.buttons.isEmpty {
            found.append(("buttons", "has \(texts.buttons.count) buttons, and the template has \(buttons.count)"))
        } else if whole.buttons.map(\.kind) != buttons.map(\.kind) {
            found.append(("buttons", "has buttons of other types"))
        }
        if whole.cards.count != cards.count {
            found.append(("cards", "has \(whole.cards.count) cards, and the template has \(cards.count)"))
        }
        guard found.isEmpty else { return found }
        let (wanted, given) = (Set(parameters.map(\.key)), Set(whole.parameters.map(\.key)))
        let (missing, superfluous) = (wanted.subtracting(given).sorted(), given.subtracting(wanted).sorted())
        func list(_ keys: [String]) -> String { keys.map { "`\($0)`" }.joined(separator: ", ") }
        if !missing.isEmpty { found.append((nil, "has no variable \(list(missing))")) }
        if !superfluous.isEmpty {
            found.append((nil, "has the variable \(list(superfluous)), and the template has not"))
        }
        return found
    }
}

/// Checks the languages of templates that need the default of the tenant.
struct TemplateLanguageChecker {
    /// Reports a language that stands twice, and a fallback that the template does not have.
    func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for template in specs.compactMap({ $0.as(TemplateSpec.self) }) {
            // With a language of its own it was checked when it was read.
            guard let own = template.value.language, template.document.mapping?["language"] == nil else { continue }
            template.value.checkCodes(own) { field, message, help in
                let place = template.place(of: field)
                found.append(Diagnostic(.translation, at: place, field: field, message, help: help))
            }
        }
    }
}

extension FieldCodec<[String: TemplateTranslation]> {
    /// Reads the texts by the codes of their languages.
    static var languages: Self {
        let value = TemplateTranslation.schema.value
        var schema = SchemaValue.mapping(to: value)
        schema.parts = value.parts.map { .init(path: ".<code>", condition: $0.condition, object: $0.object) }
        return Self(
            schema: schema,
            read: { reader, key in
                guard let read = reader.node(key) else { return nil }
                guard let mapping = read.node.mapping else {
                    reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
                    return nil
                }
                var languages: [String: TemplateTranslation] = [:]
                for pair in mapping.pairs {
                    let field = "\(read.field).\(pair.key)"
                    if !reader.sink.isStored, !FieldCodec<String>.isLanguage(pair.key) {
                        let message = "`\(pair.key)` is not a language code of WhatsApp"
                        let help = "write it like `en` or `pt_BR`"
                        reader.sink.report(.invalidValue, at: pair.keyRange, field: field, message, help: help)
                    }
                    guard
                        var nested = FieldReader(pair.value, path: field, what: "a language", sink: reader.sink)
                    else { continue }
                    languages[pair.key] = TemplateTranslation(reading: &nested)
                    nested.finish()
                }
                return languages
            },
            json: { languages in
                languages.isEmpty
                    ? nil
                    : .object(
                        languages.mapValues { texts in
                            var object = JSONObject()
                            texts.write(to: &object)
                            return .object(object)
                        }
                    )
            }
        )
    }
}

extension FieldCodec<[TemplateTranslation.Button]> {
    fileprivate static var translatedButtons: Self {
        let label = SchemaValue.text(upTo: 25)
        return Self(
            schema: .list(of: .anyOf(label, TemplateButton.value), 0...10),
            read: { reader, key in
                guard let read = reader.node(key) else { return nil }
                guard let items = read.node.sequence else {
                    reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a list")
                    return nil
                }
                return items.enumerated().compactMap { index, item in
                    let field = FieldPath.item(index, of: read.field)
                    guard item.isScalar else {
                        return TemplateButton(item, path: field, sink: reader.sink).map { .whole($0) }
                    }
                    guard let text = reader.sink.string(item, field: field) else { return nil }
                    let count = text.value.unicodeScalars.count
                    guard reader.sink.isStored || (1...25).contains(count) else {
                        let message =
                            count == 0 ? "the label is empty" : "the label has \(count) characters, more than 25"
                        reader.sink.report(.invalidValue, at: item.range, field: field, message)
                        return nil
                    }
                    return .label(text.value)
                }
            },
            json: { buttons in buttons.isEmpty ? nil : .array(buttons.map(\.json)) }
        )
    }
}
