import JSON
import Spec
import Testing

/// The parts of templates, as specs write them.
struct TemplatePartTests {
    private static let account =
        "\n---\nkind: Account\nname: main\nwabaId: \"1022\"\nappId: \"1\"\naccessToken: env:TOKEN"

    @Test(arguments: WholeTemplates.all)
    func everyPartIsReadBack(text: String) throws {
        let spec = try WholeTemplates.spec(text)
        #expect(try TemplateSpec(canonical: spec.canonical) == spec)
        #expect(try TemplateSpec(stored: spec.canonical) == spec)
        // WhatsApp's review finds nothing either.
        #expect(Fixture.lines(text + Self.account).isEmpty)
    }

    @Test func parametersAreThoseOfAllParts() throws {
        func keys(_ text: String) throws -> [String] {
            try WholeTemplates.spec(text).parameters.map { $0.key + ($0.isRequired ? "" : "?") }
        }
        #expect(
            try keys(WholeTemplates.image) == ["header.link?", "header.id?", "1", "2", "button.0", "button.1?"]
        )
        #expect(try keys(WholeTemplates.named) == ["day", "first_name"])
        #expect(
            try keys(WholeTemplates.offer)
                == ["header.link", "header.id?", "1", "offer.expires", "button.0", "button.1"]
        )
        #expect(
            try keys(WholeTemplates.carousel) == [
                "1", "card.0.header.link", "card.0.header.id?", "card.0.1", "card.0.button.0?", "card.0.button.1",
                "card.1.header.link?", "card.1.header.id?", "card.1.button.0?", "card.1.button.1",
            ]
        )
        #expect(try keys(WholeTemplates.code) == ["code"])
        #expect(
            try keys(WholeTemplates.place) == [
                "header.latitude", "header.longitude", "header.name?", "header.address?", "button.0?", "button.1?",
            ]
        )
        #expect(try keys(WholeTemplates.products) == ["1", "button.0", "button.0.thumbnail?"])
        #expect(try keys(WholeTemplates.product) == ["header.product", "header.catalog", "1"])
        #expect(
            try keys(WholeTemplates.productCards) == [
                "card.0.header.product", "card.0.header.catalog", "card.1.header.product", "card.1.header.catalog",
            ]
        )
        #expect(try keys(WholeTemplates.contact) == ["button.0?"] && keys(WholeTemplates.permission) == [])
    }

    private typealias Change = (text: String, old: String, new: String, words: String)

    private static let wrong: [Change] = [
        (
            WholeTemplates.image, "\"https://shop.example/spring.jpg\"", "./images/spring.jpg",
            "C100 `./images/spring.jpg`: there are no files"
        ),
        (WholeTemplates.image, "\"https://shop.example/spring.jpg\"", "spring", "C015 `spring` is neither"),
        (
            WholeTemplates.image, "image: \"https", "image: true, video: \"https",
            "C015 the header has more than one content"
        ),
        (WholeTemplates.image, "button.0: sale", "button.2: sale", "C043 the template has no parameter `button.2`"),
        (WholeTemplates.image, "footer: Reply", "ttl: 1h\nfooter: Reply", "C043 `ttl` is 1h"),
        (WholeTemplates.offer, "offer: {", "footer: Bye\noffer: {", "C022 `footer` and `offer` exclude each other"),
        (WholeTemplates.offer, "Ends soon!", "Ends very very soon!", "C015 `text` has 20 characters"),
        (
            WholeTemplates.offer, "category: marketing", "category: utility",
            "C043 only `marketing` templates have `offer`"
        ),
        (WholeTemplates.offer, "header: { video: true }", "header: Hi", "C043 the header of an offer"),
        (WholeTemplates.carousel, "body: Bags of all kinds.", "", "C043 either all cards have a body, or none"),
        (WholeTemplates.carousel, "image: \"https", "video: \"https", "C043 all cards have the same kind of header"),
        (WholeTemplates.carousel, "cards:", "header: Hi\ncards:", "C022 `header` and `cards` exclude each other"),
        (WholeTemplates.carousel, "type: quickReply", "type: copyCode", "C043"),
        (WholeTemplates.code, "category: authentication", "category: utility", "C043 only `authentication` templates"),
        (WholeTemplates.code, "otp:", "body: Hi\notp:", "C022 `body` and `otp` exclude each other"),
        (WholeTemplates.code, "codeExpiry: 10m", "codeExpiry: 2h", "C043 a code expires after 1 to 90"),
        (WholeTemplates.code, "type: oneTap", "type: zeroTap", "C043 `zeroTap` needs WhatsApp's terms"),
        (WholeTemplates.code, "K8a/AINcGX7", "K8a", "C043 `K8a` is not the hash"),
        (WholeTemplates.code, "com.acme.shop", "shop", "C043 `shop` is not the name"),
        (WholeTemplates.code, "ttl: 5m", "ttl: 1h", "C043 `ttl` is 1h"),
        (WholeTemplates.place, "location: true", "location: false", "C015 `location` is false"),
        (WholeTemplates.place, "We are here.", "\"  \"", "C043 `body` is blank (write a text)"),
        (WholeTemplates.image, "text: Later", "text: \" \"", "C043 `text` is blank"),
        (WholeTemplates.image, "text: Later", "text: Shop", "C043 two buttons have the label `Shop`"),
        (
            WholeTemplates.image, "https://shop.example/{{1}}", "https://shop.example/{{order_id}}",
            "C043 the variables of the template have numbers, and that of the address is {{order_id}} (end it with {{1}})"
        ),
        (
            WholeTemplates.offer, "https://shop.example/{{1}}", "https://shop.example/{{1}}/b",
            "C043 a web address has at most one variable, at its end"
        ),
        (WholeTemplates.offer, "https://shop.example/{{1}}", "https://shop.example/{{Order}}", "C043 `Order` is not a"),
        (WholeTemplates.offer, "https://shop.example/{{1}}", "https://{{1}}", "C015"),
        (
            WholeTemplates.named, "examples:",
            "buttons: [{ type: url, text: A, url: \"https://a.example/{{1}}\" }]\nexamples:",
            "C043 the variables of the template have names, and that of the address is {{1}}"
        ),
        (WholeTemplates.image, "language: en", "language: en_UK", "C099 `en_UK` is not a language"),
        (WholeTemplates.place, "flowId: \"1018\", ", "", "C013 missing field `flowId`"),
        (WholeTemplates.place, "type: catalog", "type: MPM", "C015 `MPM` is WhatsApp's word for a type of button"),
        (WholeTemplates.place, "type: catalog", "type: order_details", "C015 buttons for payments cannot be described"),
        (WholeTemplates.place, "type: catalog", "type: reminder", "C015 WhatsApp has old buttons of type `reminder`"),
        (
            WholeTemplates.place, "type: catalog", "type: call_permission_request",
            "C015 a request for the permission to call is no button (write `callPermission: true`"
        ),
        (WholeTemplates.products, "category: marketing", "category: utility", "C043 only `marketing` templates"),
        (WholeTemplates.product, "header: { product: true }\n", "", "C043 a `product` button needs a product"),
        (
            WholeTemplates.product, "type: product, text", "type: quickReply, text",
            "C043 a header with a product needs a `product` button"
        ),
        (WholeTemplates.product, "product: true", "product: false", "C015 `product` is false"),
        (WholeTemplates.productCards, "type: product,", "type: quickReply,", "C043 a card with a product has one"),
        (
            WholeTemplates.contact, "{ type: contactInfo }", "{ type: contactInfo, text: A }",
            "C012 unknown field `text`"
        ),
        (
            WholeTemplates.permission, "callPermission: true", "callPermission: true\nbuttons: [{ type: contactInfo }]",
            "C043 a template with `callPermission` has no `buttons`"
        ),
        (
            WholeTemplates.permission, "category: utility", "category: authentication",
            "C043 only `marketing` and `utility` templates have `callPermission`"
        ),
    ]

    @Test(arguments: wrong.indices)
    func mistakesHaveAPlace(index: Int) {
        let change = Self.wrong[index]
        let lines = Fixture.lines(change.text.replacing(change.old, with: change.new))
        #expect(change.text.contains(change.old))
        #expect(lines.contains { $0.contains(change.words) }, "\(lines)")
    }

    private static let refused: [Change] = [
        (WholeTemplates.image, "Dear {{1}}, our", "{{1}}, our", "C043 the text begins with a variable"),
        (
            WholeTemplates.image, "starts on {{2}} in all shops.", "starts on {{2}}",
            "C043 the text ends with a variable"
        ),
        (
            WholeTemplates.image, "starts on {{2}} in all shops.", "starts on {{2}}.",
            "C094 the text ends with a variable"
        ),
        (WholeTemplates.image, "starts on {{2}}", "{{2}}{{3}}", "C043 two variables stand side by side"),
        (WholeTemplates.image, "\"2\": Monday, ", "", "C093 no example for `2`"),
        (WholeTemplates.image, "spring.jpg\" }", "spring.jpg\" } # x", ""),
        (WholeTemplates.image, "\"https://shop.example/spring.jpg\"", "\"1013\"", "C093 no example for `header.link`"),
        (
            WholeTemplates.image, "  - { type: url,", "  - { type: quickReply, text: Now }\n  - { type: url,",
            "C043 `quickReply` buttons stand between others"
        ),
        (WholeTemplates.image, "text: Later", "text: Later \u{1F600}", "C094 the label has"),
        (WholeTemplates.code, "Fill in", "\"Fill {{1}}\"", "C094 the label has"),
        (
            WholeTemplates.image, "category: marketing", "category: authentication",
            "C043 the texts of `authentication` templates are WhatsApp's own (use `otp`"
        ),
        (
            WholeTemplates.image, ", our spring sale starts on {{2}} in all shops.", " and {{2}} now",
            "C094 the text has 2 variables"
        ),
        (WholeTemplates.offer, "SAVE10", "SAVE10SAVE10SAVE10", "C043 the code has 18 characters"),
        (WholeTemplates.carousel, "Shoes for {{1}} in all sizes.", "Shoes for {{1}}", "C043 the text ends"),
    ]

    @Test(arguments: refused.indices)
    func theReviewIsForTemplatesOfAccounts(index: Int) {
        let change = Self.refused[index]
        let text = change.text.replacing(change.old, with: change.new)
        let (with, without) = (Fixture.lines(text + Self.account), Fixture.lines(text))
        if change.words.isEmpty { #expect(with.isEmpty) }
        #expect(change.words.isEmpty || with.contains { $0.contains(change.words) }, "\(with)")
        #expect(without.isEmpty || change.words.contains("begins") || change.old.contains("starts on"), "\(without)")
    }

    /// The variable of an address has a name if those of the texts have.
    @Test func addressesHaveNamesToo() throws {
        let button = "buttons: [{ type: url, text: Pay, url: \"https://shop.example/{{order_id}}\" }]"
        let text = WholeTemplates.named.replacing("examples: {", with: "\(button)\nexamples: { button.0: o-17,")
        let spec = try WholeTemplates.spec(text)
        #expect(spec.parameters.map(\.key) == ["day", "first_name", "button.0"])
        let request = TemplateSubmission(spec).request
        #expect(request["parameter_format"] == "NAMED")
        #expect("\(request)".contains("https://shop.example/o-17"))
        let params = ["day": "Monday", "first_name": "Ada", "button.0": "x"]
        let message = try MessagePayload.hydrate(template: spec, params: params)
        #expect(MessageText(message: message, template: spec).lines.last == "[Pay: https://shop.example/x]")
        #expect(Fixture.lines(text + Self.account).isEmpty)
    }

    /// An error in a part is the only one: which variables the template has is not known.
    @Test(arguments: [
        ("Dear {{1}}, our", "Dear {{1}, our"), ("Dear {{1}}, our", "Dear {{First}}, our"),
        ("starts on {{2}}", "starts on {{b}}"),
        ("type: url,", "type: link,"), ("image: \"https", "image: \"ftp"),
    ])
    func aBrokenPartIsTheOnlyError(old: String, new: String) {
        let text = WholeTemplates.image.replacing(old, with: new)
        let lines = Fixture.lines(text + Self.account).filter { !$0.contains("C094") }
        #expect(lines.count == 1, "\(lines)")
    }

    private static func lines(_ template: String, _ params: String) -> [String] {
        let campaign = "kind: Campaign\nname: c\ntype: module_initiated\nsender: main\ntemplate: \(params)"
        return Fixture.lines([Fixture.sender, template, campaign].joined(separator: "\n---\n"))
    }

    @Test(arguments: [
        (
            "header.link: \"https://a.example/a.mp4\", header.id: \"1\"",
            "C042 only one of `header.link` and `header.id`"
        ),
        ("header.link: \"https://a.example/a b.mp4\"", "C097 `header.link` has a blank"),
        ("header.link: \"https://a.example/{{name|a b}}.mp4\"", ""),
        (
            "header.id: \"1\", button.0: SAVE10SAVE10SAVE",
            "C097 `button.0` has 16 characters (WhatsApp takes at most 15)"
        ),
        ("header.id: \"1\", offer.expires: \"2020-12-01T20:00:00Z\"", "C087 the offer ended at 2020-12-01T20:00:00Z"),
    ])
    func valuesThatWhatsAppRefuses(params: String, problem: String) {
        var all = "offer\nparams: { \"1\": Ann, \(params)"
        for (key, value) in [("button.0", "SAVE10"), ("button.1", "x"), ("offer.expires", "\"2045-12-01T20:00:00Z\"")]
        where !params.contains(key) { all += ", \(key): \(value)" }
        let lines = Self.lines(WholeTemplates.offer, all + " }")
        #expect(problem.isEmpty ? lines.isEmpty : lines.count == 1 && lines[0].contains(problem), "\(lines)")
    }
}
