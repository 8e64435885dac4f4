import JSON
import Spec
import Testing

/// Templates in the form in which Meta's API creates them.
struct TemplateSubmissionTests {
    private static func components(_ text: String, _ handles: [String: String] = [:]) throws -> JSONValue {
        TemplateSubmission(try WholeTemplates.spec(text), handles: handles).components
    }

    @Test func filesHaveHandlesAndTextsHaveExamples() throws {
        #expect(
            try Self.components(WholeTemplates.image, ["header": "4::aW"]) == [
                ["type": "HEADER", "format": "IMAGE", "example": ["header_handle": ["4::aW"]]],
                [
                    "type": "BODY", "text": "Dear {{1}}, our spring sale starts on {{2}} in all shops.",
                    "example": ["body_text": [["Ada", "Monday"]]],
                ],
                ["type": "FOOTER", "text": "Reply STOP to leave"],
                [
                    "type": "BUTTONS",
                    "buttons": [
                        [
                            "type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}",
                            "example": ["https://shop.example/sale"],
                        ],
                        ["type": "QUICK_REPLY", "text": "Later"],
                    ],
                ],
            ]
        )
        let samples = TemplateSubmission.samples(of: try WholeTemplates.spec(WholeTemplates.image))
        #expect(samples.map(\.key) == ["header"] && samples.map(\.link) == ["https://shop.example/spring.jpg"])
    }

    @Test func namesAreKept() throws {
        let request = TemplateSubmission(try WholeTemplates.spec(WholeTemplates.named)).request
        #expect(
            request == [
                "name": "visit", "language": "en_US", "category": "UTILITY", "parameter_format": "NAMED",
                "components": [
                    [
                        "type": "HEADER", "format": "TEXT", "text": "Your visit on {{day}} is booked",
                        "example": ["header_text_named_params": [["param_name": "day", "example": "Monday"]]],
                    ],
                    [
                        "type": "BODY", "text": "Dear {{first_name}}, we expect you at our shop.",
                        "example": ["body_text_named_params": [["param_name": "first_name", "example": "Ada"]]],
                    ],
                ],
            ]
        )
    }

    @Test func anOfferComesBeforeItsButtons() throws {
        let components = try Self.components(WholeTemplates.offer)
        #expect(components[0] == ["type": "HEADER", "format": "VIDEO"])
        let offer: JSONValue = ["text": "Ends soon!", "has_expiration": true]
        #expect(components[2] == ["type": "LIMITED_TIME_OFFER", "limited_time_offer": offer])
        #expect(components[3]?["buttons"]?[0] == ["type": "COPY_CODE", "example": "SAVE10"])
    }

    @Test func productsAndCallsHaveMetasWords() throws {
        let products = try Self.components(WholeTemplates.products)
        #expect(products[1] == ["type": "BUTTONS", "buttons": [["type": "MPM", "text": "View items"]]])
        let product = try Self.components(WholeTemplates.product)
        #expect(product[0] == ["type": "HEADER", "format": "PRODUCT"])
        #expect(product[2] == ["type": "BUTTONS", "buttons": [["type": "SPM", "text": "View"]]])
        let contact: JSONValue = [["type": "VOICE_CALL", "text": "Call us"], ["type": "REQUEST_CONTACT_INFO"]]
        #expect(try Self.components(WholeTemplates.contact)[1] == ["type": "BUTTONS", "buttons": contact])
        #expect(try Self.components(WholeTemplates.permission)[1] == ["type": "CALL_PERMISSION_REQUEST"])
    }

    @Test func cardsHaveComponentsOfTheirOwn() throws {
        let components = try Self.components(WholeTemplates.carousel, ["card.1.header": "4::b"])
        #expect(components[1]?["type"] == "CAROUSEL")
        let cards = components[1]?["cards"]
        #expect(
            cards?[0]?["components"]?[1] == [
                "type": "BODY", "text": "Shoes for {{1}} in all sizes.", "example": ["body_text": [["KES 900"]]],
            ]
        )
        #expect(
            cards?[1]?["components"]?[0] == [
                "type": "HEADER", "format": "IMAGE", "example": ["header_handle": ["4::b"]],
            ]
        )
        let button = cards?[1]?["components"]?[2]?["buttons"]?[1]
        #expect(button?["example"] == ["https://shop.example/bags"])
        let samples = TemplateSubmission.samples(of: try WholeTemplates.spec(WholeTemplates.carousel))
        #expect(samples.map(\.key) == ["card.0.header", "card.1.header"])
    }

    @Test func codesHaveNoTexts() throws {
        let request = TemplateSubmission(try WholeTemplates.spec(WholeTemplates.code)).request
        #expect(request["message_send_ttl_seconds"] == 300)
        #expect(
            request["components"] == [
                ["type": "BODY", "add_security_recommendation": true],
                ["type": "FOOTER", "code_expiration_minutes": 10],
                [
                    "type": "BUTTONS",
                    "buttons": [
                        [
                            "type": "OTP", "otp_type": "ONE_TAP", "autofill_text": "Fill in",
                            "supported_apps": [["package_name": "com.acme.shop", "signature_hash": "K8a/AINcGX7"]],
                        ]
                    ],
                ],
            ]
        )
    }

    @Test func placesAndFlows() throws {
        let request = TemplateSubmission(try WholeTemplates.spec(WholeTemplates.place)).request
        // Thirty days are beyond the range of utility, and have a number of their own.
        #expect(request["message_send_ttl_seconds"] == -1)
        #expect(request["components"]?[0] == ["type": "HEADER", "format": "LOCATION"])
        #expect(
            request["components"]?[2]?["buttons"] == [
                [
                    "type": "FLOW", "text": "Book", "flow_id": "1018", "flow_action": "data_exchange",
                    "navigate_screen": "DAYS",
                ], ["type": "CATALOG", "text": "View catalog"],
            ]
        )
    }
}
