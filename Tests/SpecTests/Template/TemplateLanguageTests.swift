import Foundation
import JSON
import Randomness
import Testing

@testable import Spec

/// Templates in several languages: their form, their messages, and who gets which.
struct TemplateLanguageTests {
    private static let template = """
        kind: Template
        name: visit
        whatsappName: visit
        language: en
        category: utility
        header: { image: "https://shop.example/en.jpg" }
        body: "Dear {{1}}, your visit is on {{2}} at our shop."
        footer: Reply STOP to leave
        buttons:
          - { type: url, text: Plan, url: "https://shop.example/en/{{1}}" }
          - { type: quickReply, text: Later }
        examples: { "1": Ada, "2": Monday, button.0: plan }
        languages:
          fr:
            body: "Le {{2}}, nous vous attendons chez nous, {{1}}, au magasin."
            footer: STOP pour ne plus rien recevoir
            buttons: [Planifier, Plus tard]
          pt_BR:
            header: { image: "https://shop.example/pt.jpg" }
            body: "Oi {{1}}, sua visita em nossa loja fica para {{2}} mesmo."
            footer: Responda PARE para sair
            buttons:
              - { type: url, text: Planejar, url: "https://shop.example/pt/{{1}}" }
              - Depois
            examples: { "2": segunda }
        """

    private static func spec(_ text: String = template) throws -> TemplateSpec {
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.map(Fixture.line) == [])
        return try #require(catalog.all(TemplateSpec.self).first).value
    }

    @Test func eachLanguageIsATemplateOfItsOwnAtWhatsApp() throws {
        let all = try Self.spec().submissions
        #expect(all.map(\.language) == ["en", "fr", "pt_BR"])
        #expect(all.map(\.whatsappName) == ["visit", "visit", "visit"])
        #expect(all[1].body.hasPrefix("Le {{2}}") && all[1].footer == "STOP pour ne plus rien recevoir")
        #expect(all.map { $0.buttons.map { $0.json["text"] } }[1] == ["Planifier", "Plus tard"])
        #expect(all[1].buttons[0].json["url"] == "https://shop.example/en/{{1}}")
        #expect(all[2].buttons[0].json["url"] == "https://shop.example/pt/{{1}}")
        #expect(all[1].top == all[0].top && all[2].top != all[0].top)
        #expect(all[2].examples == ["1": "Ada", "2": "segunda", "button.0": "plan"])
        #expect(all.allSatisfy { Set($0.parameters.map(\.key)) == Set(all[0].parameters.map(\.key)) })
        #expect(all.allSatisfy { $0.languages.isEmpty })
    }

    @Test func codesThatWhatsAppDoesNotKnowAreReportedWhereTheyStand() throws {
        let lines = Fixture.lines(Self.template.replacing("  pt_BR:", with: "  pt_BT:"))
        #expect(lines.count == 1 && lines[0].hasPrefix("18:3 C099 `pt_BT` is not a language"), "\(lines)")
        // The fallback is one of the languages, so it is not reported again.
        #expect(Fixture.lines(Self.template.replacing("  pt_BR:", with: "  pt_BT:") + "\nfallback: pt_BT").count == 1)
        for text in ["pt-br", "EN", "fr_SN", "zh-Hans-CN"] { #expect(TemplateLanguages.isLanguage(text), "\(text)") }
        for text in ["english", "", "x", "[\"fr\"]", "7"] { #expect(!TemplateLanguages.isLanguage(text), "\(text)") }
    }

    @Test func itIsReadBackAsItWasWritten() throws {
        let spec = try Self.spec()
        #expect(try TemplateSpec(canonical: spec.canonical) == spec)
        #expect(try TemplateSpec(stored: spec.canonical) == spec)
        let text = try SpecWriter.document(.template, stored: spec.canonical)
        #expect(try Self.spec(text).canonical == spec.canonical)
    }

    /// The places and words of what is wrong, each with one change of the template.
    @Test(arguments: [
        ("Le {{2}}, nous", "Le jour, nous", "14:3 C105 language `fr` has no variable `2`"),
        ("{{1}}, au", "{{1}} {{3}}, au", "14:3 C105 language `fr` has the variable `3`, and the template has not"),
        ("    footer: STOP pour ne plus rien recevoir\n", "", "14:3 C105 language `fr` has no `footer`"),
        ("[Planifier, Plus tard]", "[Planifier]", "17:14 C105 language `fr` has 1 buttons, and the template has 2"),
        ("      - Depois", "      - { type: phone, text: Oi, phoneNumber: \"+254700100200\" }", "23:7 C105"),
        ("[Planifier, Plus tard]", "[Planifier, Une explication beaucoup trop longue]", "17:26 C015"),
        ("  pt_BR:", "  pt-br:", "18:3 C015 `pt-br` is not a language code of WhatsApp"),
        ("  pt_BR:", "  en:", "18:3 C105 `en` is the language of the template itself"),
        ("languages:", "fallback: sw\nlanguages:", "13:11 C105 the template has no language `sw`"),
        ("header: { image: \"https://shop.example/pt.jpg\" }", "header: Oi", "19:13 C105"),
    ])
    func aLanguageHasThePartsAndVariablesOfItsTemplate(part: String, other: String, expected: String) {
        let found = Fixture.lines(Self.template.replacing(part, with: other))
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test func theDefaultOfTheTenantIsALanguageToo() {
        let text =
            "kind: Tenant\nname: acme\ndefaults: { language: fr }\n---\n"
            + Self.template.replacing("language: en\n", with: "")
        #expect(Fixture.lines(text).contains { $0.contains("`fr` is the language of the template itself") })
    }

    private static func campaign(_ fields: String = "") -> String {
        """
        \(Fixture.sender)
        ---
        \(template)
        ---
        kind: Campaign
        name: c
        type: manual
        sender: main
        template: visit
        params: { "1": "{{name|you}}", "2": Monday, button.0: x }
        audience: { conditions: [] }
        \(fields)
        """
    }

    @Test func aCampaignSendsAllLanguagesOrOne() throws {
        let all = try #require(Fixture.catalog(Self.campaign()).resolvedCampaigns.first).messagePayload
        #expect(MessageLanguages(all)?.choice.codes == ["en", "fr", "pt_BR"])
        #expect(!RevisionLikeMessage.isFreeText(all))
        let one = try #require(Fixture.catalog(Self.campaign("language: pt_BR")).resolvedCampaigns.first).messagePayload
        #expect(MessageLanguages(one) == nil && one["template"]?["language"]?["code"] == "pt_BR")
        #expect(
            Fixture.lines(Self.campaign("language: sw")).contains {
                $0.contains("C105 template `visit` has no language `sw`")
            }
        )
    }

    /// A file of another language than the recipient's is not needed.
    @Test func aMessageHasTheFilesOfItsLanguage() throws {
        let (first, second) = (String(repeating: "ab", count: 32), String(repeating: "cd", count: 32))
        func components(_ digest: String?) -> JSONValue {
            guard let digest else { return [] }
            let image: JSONValue = ["type": "image", "image": ["id": .string("{{media.\(digest)}}")]]
            return [["type": "header", "parameters": [image]]]
        }
        let message: JSONValue = [
            "type": "template", "template": ["name": "visit"],
            "languages": [
                "fallback": "en",
                "components": ["en": components(nil), "fr": components(first), "pt_BR": components(second)],
            ],
        ]
        let payload = try PayloadTemplate(message: message)
        #expect(payload.files == [first, second])
        func files(_ language: String?) -> Set<String> {
            payload.files { $0 == .metadata("language") ? language : nil }
        }
        #expect(files("fr") == [first] && files("pt-br") == [second] && files(nil) == [])
    }

    /// Versions before languages must not send everybody the same one: they read the message as one with a broken placeholder.
    @Test func versionsBeforeLanguagesRefuseTheMessage() throws {
        let message = try #require(Fixture.catalog(Self.campaign()).resolvedCampaigns.first).messagePayload
        let code = try #require(message["template"]?["language"]?["code"]?.stringValue)
        #expect(throws: TextTemplate.Problem.self) { try TextTemplate(code) }
    }

    @Test func eachPersonGetsTheirLanguage() throws {
        let message = try #require(Fixture.catalog(Self.campaign()).resolvedCampaigns.first).messagePayload
        let payload = try PayloadTemplate(message: message)
        func sent(_ language: String?) throws -> JSONValue {
            let body = try payload.body(recipient: "+254700100200", messageID: UUID()) { path in
                path == .metadata("language") ? language : path == .contact(.name) ? "Ada" : nil
            }
            return try JSONValue(parsing: body)
        }
        for (wish, code, link) in [
            ("pt_BR", "pt_BR", "pt"), ("pt-br", "pt_BR", "pt"), ("pt", "pt_BR", "pt"), ("fr-CA", "fr", "en"),
            ("sw", "en", "en"), ("", "en", "en"),
        ] {
            let template = try sent(wish)["template"]
            #expect(template?["language"]?["code"] == .string(code), "\(wish)")
            #expect(
                template?["components"]?[0]?["parameters"]?[0]?["image"]?["link"]
                    == .string("https://shop.example/\(link).jpg")
            )
            #expect(try sent(wish)["languages"] == nil)
        }
        #expect(try sent(nil)["template"]?["language"]?["code"] == "en")
        #expect(payload.placeholders.map(\.path) == [.contact(.name)])
        let french = try JSONValue(
            parsing: payload.body(recipient: "+254700100200", messageID: UUID()) { path in
                path == .metadata("language") ? "fr" : "Ada"
            }
        )
        var fields = french.objectValue ?? [:]
        for name in PayloadTemplate.fieldsOfRequest { fields[name] = nil }
        let text = MessageText(message: .object(fields), template: try Self.spec())
        #expect(text.body == "Le Monday, nous vous attendons chez nous, Ada, au magasin.")
    }

    @Test func theChoiceIsMadeByTheWholeCodeThenByItsBeginning() {
        let choice = LanguageChoice(
            codes: ["en", "en_GB", "es_AR", "es_MX", "pt_BR", "zh_CN", "zh_TW"],
            fallback: "zh_TW"
        )
        for (wish, code) in [
            ("en_GB", "en_GB"), ("EN-gb", "en_GB"), ("en", "en"), ("en_US", "en"), ("es", "es_AR"), ("pt", "pt_BR"),
            ("pt_PT", "zh_TW"), ("zh", "zh_TW"), ("zh-CN", "zh_CN"), ("zh_Hant_TW", "zh_TW"), ("xx", "zh_TW"),
            (" pt ", "pt_BR"), ("5", "zh_TW"),
        ] {
            #expect(choice.code(for: wish) == code, "\(wish)")
        }
        #expect(choice.code(for: nil) == "zh_TW")
    }

    /// Whatever people wish, they get a language that is there; its own code in any spelling gives it.
    @Test func anyWishGivesALanguageThatIsThere() {
        var random = SplitMix64(seed: 44)
        let known = ["en", "en_GB", "pt", "pt_BR", "pt_PT", "fr", "zh_CN", "zh_HK", "fil", "ar", "es_ES"]
        for _ in 0..<2_000 {
            let codes = known.shuffled(using: &random).prefix(Int.random(in: 1...6, using: &random))
            let fallback = codes.randomElement(using: &random) ?? "en"
            let choice = LanguageChoice(codes: codes, fallback: fallback)
            let letters = Array("aenptfrzhcbg_-{ \u{e9}")
            let noise = String(
                (0..<Int.random(in: 0...6, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" }
            )
            #expect(codes.contains(choice.code(for: noise)))
            for code in codes {
                let spelled = code.replacing("_", with: Bool.random(using: &random) ? "-" : "_")
                #expect(choice.code(for: Bool.random(using: &random) ? spelled.uppercased() : spelled) == code)
            }
            // The order in which the languages are written decides nothing.
            let other = LanguageChoice(codes: codes.reversed(), fallback: fallback)
            for wish in known + [noise] { #expect(choice.code(for: wish) == other.code(for: wish)) }
        }
    }
}

/// The rule by which launches tell free text.
private enum RevisionLikeMessage {
    static func isFreeText(_ message: JSONValue) -> Bool { message["type"] != "template" }
}
