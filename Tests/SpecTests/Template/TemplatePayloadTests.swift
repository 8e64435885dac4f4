import JSON
import Spec
import Testing

/// The messages that are made from templates, as the Cloud API takes them.
struct TemplatePayloadTests {
    private static func components(_ text: String, _ params: [String: String]) throws -> JSONValue? {
        let message = try MessagePayload.hydrate(template: WholeTemplates.spec(text), params: params)
        // What is made is itself a message that raw campaigns may have.
        #expect(try MessagePayload.check(message) == message)
        return message["template"]?["components"]
    }

    private static func errors(_ text: String, _ params: [String: String]) throws -> [String] {
        let error = #expect(throws: SpecError.self) {
            try MessagePayload.hydrate(template: WholeTemplates.spec(text), params: params)
        }
        return error.map(Fixture.messages) ?? []
    }

    @Test func aFileIsThatOfTheTemplateOrOfTheCampaign() throws {
        let texts = ["1": "{{name|you}}", "2": "Monday", "button.0": "{{contactId}}"]
        func header(_ file: JSONValue) -> JSONValue {
            ["type": "header", "parameters": [["type": "image", "image": file]]]
        }
        let rest: [JSONValue] = [
            [
                "type": "body",
                "parameters": [["type": "text", "text": "{{name|you}}"], ["type": "text", "text": "Monday"]],
            ],
            [
                "type": "button", "sub_type": "url", "index": "0",
                "parameters": [["type": "text", "text": "{{contactId}}"]],
            ],
        ]
        #expect(
            try Self.components(WholeTemplates.image, texts)
                == .array([header(["link": "https://shop.example/spring.jpg"])] + rest)
        )
        let own = texts.merging(["header.id": "1013"]) { $1 }
        #expect(try Self.components(WholeTemplates.image, own) == .array([header(["id": "1013"])] + rest))
        let both = own.merging(["header.link": "https://shop.example/x.jpg"]) { $1 }
        #expect(try Self.errors(WholeTemplates.image, both).count == 1)
    }

    @Test func anOfferHasItsEndInMilliseconds() throws {
        var params = [
            "header.link": "https://shop.example/{{metadata.film}}", "1": "Ada", "button.0": "SAVE10", "button.1": "x",
            "offer.expires": "2045-12-01T20:00:00Z",
        ]
        let components = try Self.components(WholeTemplates.offer, params)
        #expect(
            components?[2] == [
                "type": "limited_time_offer",
                "parameters": [
                    [
                        "type": "limited_time_offer",
                        "limited_time_offer": ["expiration_time_ms": .integer(2_395_771_200_000)],
                    ]
                ],
            ]
        )
        #expect(
            components?[3] == [
                "type": "button", "sub_type": "copy_code", "index": "0",
                "parameters": [["type": "coupon_code", "coupon_code": "SAVE10"]],
            ]
        )
        params["offer.expires"] = "{{context.end}}"
        let errors = try Self.errors(WholeTemplates.offer, params)
        #expect(errors == ["params.offer.expires: `offer.expires` is not a time with its zone"])
    }

    @Test func eachCardHasItsParts() throws {
        let components = try Self.components(
            WholeTemplates.carousel,
            [
                "1": "Ada", "card.0.header.link": "https://shop.example/a.jpg", "card.0.1": "you",
                "card.0.button.0": "more",
                "card.0.button.1": "shoes", "card.1.button.1": "bags",
            ]
        )
        let cards = components?[1]?["cards"]
        #expect(components?[1]?["type"] == "carousel")
        #expect(cards?[0]?["card_index"] == 0 && cards?[1]?["card_index"] == 1)
        #expect(
            cards?[0]?["components"] == [
                [
                    "type": "header",
                    "parameters": [["type": "image", "image": ["link": "https://shop.example/a.jpg"]]],
                ],
                ["type": "body", "parameters": [["type": "text", "text": "you"]]],
                [
                    "type": "button", "sub_type": "quick_reply", "index": "0",
                    "parameters": [["type": "payload", "payload": "more"]],
                ],
                [
                    "type": "button", "sub_type": "url", "index": "1",
                    "parameters": [["type": "text", "text": "shoes"]],
                ],
            ]
        )
        #expect(
            cards?[1]?["components"] == [
                [
                    "type": "header",
                    "parameters": [["type": "image", "image": ["link": "https://shop.example/b.jpg"]]],
                ],
                ["type": "button", "sub_type": "url", "index": "1", "parameters": [["type": "text", "text": "bags"]]],
            ]
        )
    }

    @Test func aCodeIsGivenTwice() throws {
        let code: JSONValue = ["type": "text", "text": "{{context.code}}"]
        #expect(
            try Self.components(WholeTemplates.code, ["code": "{{context.code}}"]) == [
                ["type": "body", "parameters": [code]],
                ["type": "button", "sub_type": "url", "index": "0", "parameters": [code]],
            ]
        )
        #expect(try Self.errors(WholeTemplates.code, ["code": "1234567890123456"]).count == 1)
    }

    @Test func aPlaceAndAFlowHaveTheirForms() throws {
        let place = ["header.latitude": "-1.2921", "header.longitude": "{{metadata.longitude}}", "header.name": "Shop"]
        #expect(
            try Self.components(WholeTemplates.place, place) == [
                [
                    "type": "header",
                    "parameters": [
                        [
                            "type": "location",
                            "location": ["latitude": "-1.2921", "longitude": "{{metadata.longitude}}", "name": "Shop"],
                        ]
                    ],
                ],
                [
                    "type": "button", "sub_type": "flow", "index": "0",
                    "parameters": [["type": "action", "action": .object([:])]],
                ],
            ]
        )
        let wrong = place.merging(["header.latitude": "91"]) { $1 }
        #expect(
            try Self.errors(WholeTemplates.place, wrong)
                == ["params.header.latitude: `header.latitude` is not from -90 to 90"]
        )
    }

    @Test func productsStandInSections() throws {
        let params = ["1": "you", "button.0": "New: {{context.sku|rose-1}}, rose-2; Pots: pot-7;"]
        func sections(_ thumbnail: JSONValue) -> JSONValue {
            let new: JSONValue = [
                ["product_retailer_id": "{{context.sku|rose-1}}"], ["product_retailer_id": "rose-2"],
            ]
            let action: JSONValue = [
                "thumbnail_product_retailer_id": thumbnail,
                "sections": [
                    ["title": "New", "product_items": new],
                    ["title": "Pots", "product_items": [["product_retailer_id": "pot-7"]]],
                ],
            ]
            return [
                "type": "button", "sub_type": "mpm", "index": "0",
                "parameters": [["type": "action", "action": action]],
            ]
        }
        #expect(try Self.components(WholeTemplates.products, params)?[1] == sections("{{context.sku|rose-1}}"))
        let other = params.merging(["button.0.thumbnail": "pot-7"]) { $1 }
        #expect(try Self.components(WholeTemplates.products, other)?[1] == sections("pot-7"))
    }

    @Test(arguments: [
        (" ; ", "has no products"), ("rose-1, rose-2", "has a section without a title"),
        ("A: x; B:", "has no products in `B`"),
        ("A: \(Array(repeating: "x", count: 31).joined(separator: ","))", "has 31 products"),
        (Array(repeating: "A: x", count: 11).joined(separator: ";"), "has 11 sections"),
        ("Flowers of the whole year: x", "has the title `Flowers of the whole year` of 25 characters"),
    ])
    func wrongProductsAreFound(list: String, words: String) throws {
        #expect(
            try Self.errors(WholeTemplates.products, ["1": "you", "button.0": list])
                == ["params.button.0: `button.0` \(words)"]
        )
    }

    @Test func aProductAndACallHaveTheirForms() throws {
        let product = ["header.product": "rose-1", "header.catalog": "194836987003835", "1": "you"]
        let header: JSONValue = ["product_retailer_id": "rose-1", "catalog_id": "194836987003835"]
        #expect(
            try Self.components(WholeTemplates.product, product)?[0]
                == ["type": "header", "parameters": [["type": "product", "product": header]]]
        )
        let wrong = product.merging(["header.catalog": "shop"]) { $1 }
        #expect(
            try Self.errors(WholeTemplates.product, wrong)
                == ["params.header.catalog: `header.catalog` is not the id of a catalog"]
        )
        #expect(
            try Self.components(WholeTemplates.contact, ["button.0": "order-{{context.id}}"]) == [
                [
                    "type": "button", "sub_type": "voice_call", "index": "0",
                    "parameters": [["type": "payload", "payload": "order-{{context.id}}"]],
                ]
            ]
        )
    }

    @Test(arguments: WholeTemplates.all)
    func whatIsMadeFitsTheTemplate(text: String) throws {
        let spec = try WholeTemplates.spec(text)
        let values = [
            "link": "https://shop.example/x.jpg", "id": "1013", "latitude": "1", "longitude": "2", "catalog": "1013",
        ]
        var params: [String: String] = [:]
        for parameter in spec.parameters where parameter.isRequired {
            params[parameter.key] = parameter.name.flatMap { values[$0] } ?? "x"
            if parameter.part == .expiry { params[parameter.key] = "2045-12-01T20:00:00Z" }
        }
        if text == WholeTemplates.products { params["button.0"] = "New: x" }
        let message = try MessagePayload.hydrate(template: spec, params: params)
        let raw = "kind: Campaign\nname: raw\ntype: module_initiated\nsender: main\nmessage: \(message.canonicalText)"
        #expect(Fixture.lines([Fixture.sender, text, raw].joined(separator: "\n---\n")).isEmpty)
    }
}
