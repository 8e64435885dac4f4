import JSON
import Spec
import Testing

/// Raw messages that name a template of the tenant.
struct TemplateMessageTests {
    /// The findings about a raw message with some components.
    private static func lines(_ template: String, _ components: String, language: String = "en") -> [String] {
        let name = template.firstMatch(of: /whatsappName: (\S+)/)?.1 ?? ""
        let raw = """
            kind: Campaign
            name: raw
            type: module_initiated
            sender: main
            message: { type: template, template: { name: \(name), language: { code: \(language) }, components: [ \(components) ] } }
            """
        return Fixture.lines([Fixture.sender, template, raw].joined(separator: "\n---\n"))
    }

    private static let image = "{ type: header, parameters: [ { type: image, image: { id: '1' } } ] }"
    private static let body = "{ type: body, parameters: [ { type: text, text: a }, { type: text, text: b } ] }"
    private static let url = "{ type: button, sub_type: url, index: 0, parameters: [ { type: text, text: c } ] }"

    @Test func whatFitsIsTaken() {
        #expect(Self.lines(WholeTemplates.image, "\(Self.image), \(Self.body), \(Self.url)").isEmpty)
    }

    private static let wrong: [(template: String, components: String, words: String)] = [
        (WholeTemplates.image, "\(body), \(url)", "has a header of type `image`"),
        (
            WholeTemplates.image, "\(image.replacing("image", with: "video")), \(body), \(url)",
            "takes one parameter of type `image`"
        ),
        (
            WholeTemplates.image, "\(image), { type: body, parameters: [ { type: text, text: a } ] }, \(url)",
            "takes 2 parameters, and the message has 1"
        ),
        (WholeTemplates.image, "\(image), \(body)", "button 0 of template `spring` needs a parameter"),
        (WholeTemplates.image, "\(image), \(body), \(url.replacing("url", with: "copy_code"))", "is a `url`"),
        (WholeTemplates.image, "\(image), \(body), \(url), \(url.replacing("0", with: "7"))", "none with this index"),
        (
            WholeTemplates.image,
            "\(image), \(body.replacing("text: a", with: "text: a, parameter_name: x")), \(url)",
            "names of the parameters"
        ),
        (WholeTemplates.offer, "{ type: body, parameters: [ { type: text, text: a } ] }", "has an offer that ends"),
        (WholeTemplates.carousel, "{ type: body, parameters: [ { type: text, text: a } ] }", "has 2 cards"),
        (
            WholeTemplates.carousel,
            "{ type: body, parameters: [ { type: text, text: a } ] }, { type: carousel, cards: [ "
                + "{ card_index: 1, components: [] }, { card_index: 1, components: [] } ] }",
            "has card 1 twice"
        ),
        (WholeTemplates.code, "{ type: body, parameters: [ { type: text, text: '1' } ] }", "takes the code"),
        (
            WholeTemplates.products,
            "{ type: body, parameters: [ { type: text, text: a } ] }, "
                + "{ type: button, sub_type: mpm, index: 0, parameters: [ { type: action, action: {} } ] }",
            "shows products in sections"
        ),
        (
            WholeTemplates.product, "{ type: body, parameters: [ { type: text, text: a } ] }",
            "has a header of type `product`"
        ),
    ]

    @Test(arguments: wrong.indices)
    func whatDoesNotFitIsAnError(index: Int) {
        let (template, components, words) = Self.wrong[index]
        let lines = Self.lines(template, components)
        #expect(lines.contains { $0.contains("C095") && $0.contains(words) }, "\(lines)")
    }

    @Test func anotherLanguageMayExist() {
        let lines = Self.lines(WholeTemplates.image, "\(Self.image)", language: "sw")
        #expect(lines.count == 1 && lines[0].contains("C096"), "\(lines)")
    }

    @Test func aLanguageThatWhatsAppDoesNotKnowIsReported() {
        let raw = """
            kind: Campaign
            name: raw
            type: module_initiated
            sender: main
            message: { type: template, template: { name: foreign, language: { code: en_UK } } }
            """
        let lines = Fixture.lines(Fixture.sender + "\n---\n" + raw)
        #expect(lines.count == 1 && lines[0].contains("C099 `en_UK` is not a language of WhatsApp's list"), "\(lines)")
    }

    @Test func theTextsOfAllPartsAreShown() throws {
        func lines(_ text: String, _ params: [String: String]) throws -> [String] {
            let spec = try WholeTemplates.spec(text)
            return MessageText(message: try MessagePayload.hydrate(template: spec, params: params), template: spec)
                .lines
        }
        #expect(
            try lines(WholeTemplates.image, ["1": "Ann", "2": "Friday", "button.0": "x"]) == [
                "[image] https://shop.example/spring.jpg", "Dear Ann, our spring sale starts on Friday in all shops.",
                "Reply STOP to leave", "[Shop: https://shop.example/x]", "[Later]",
            ]
        )
        #expect(try lines(WholeTemplates.code, ["code": "1234"]) == ["[code] 1234", "[Copy code]"])
        let cards = try lines(
            WholeTemplates.carousel,
            ["1": "Ann", "card.0.header.id": "1013", "card.0.1": "you", "card.0.button.1": "a", "card.1.button.1": "b"]
        )
        #expect(cards[1].hasPrefix("[card 1: [image] 1013 Shoes for you in all sizes."), "\(cards)")
        let place = try lines(
            WholeTemplates.place,
            ["header.latitude": "1", "header.longitude": "2", "header.name": "Shop"]
        )
        #expect(place[0] == "[location] Shop 1 2")
        let params = [
            "header.id": "1", "1": "Ann", "button.0": "SAVE", "button.1": "x", "offer.expires": "2045-12-01T20:00:00Z",
        ]
        #expect(try lines(WholeTemplates.offer, params)[1] == "[Ends soon! until 2045-12-01T20:00:00Z]")
    }
}
