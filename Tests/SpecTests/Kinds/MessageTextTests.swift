import JSON
import Testing

@testable import Spec

/// Rendered messages as their recipients read them.
struct MessageTextTests {
    private static func template(_ changes: [String: JSONValue?] = [:]) throws -> TemplateSpec {
        let fields: [String: JSONValue?] = [
            "name": "offer", "protect": false, "whatsappName": "offer", "language": "en", "category": "marketing",
            "header": "For {{1}}", "body": "Hi {{1}}, it is {{2}} today, {{1}}.", "footer": "Reply STOP",
            "buttons": [
                ["type": "url", "text": "Shop", "url": "https://acme.example/{{1}}"],
                ["type": "quickReply", "text": "Not now"], ["type": "copyCode"],
                ["type": "phone", "text": "Call", "phoneNumber": "+254700100200"],
            ],
        ]
        return try TemplateSpec(stored: .object(fields.merging(changes) { $1 }.compactMapValues(\.self)))
    }

    @Test func showsATemplateWithItsParameters() throws {
        let template = try Self.template()
        let params = ["header": "you", "1": "Amina", "2": "5 EUR", "button.0": "a1", "button.2": "SAVE"]
        let message = try MessagePayload.hydrate(template: template, params: params)
        let text = MessageText(message: message, template: template)
        #expect(
            text.lines == [
                "For you", "Hi Amina, it is 5 EUR today, Amina.", "Reply STOP", "[Shop: https://acme.example/a1]",
                "[Not now]", "[Copy code: SAVE]", "[Call: +254700100200]",
            ]
        )
        #expect(text.json["buttons"]?.arrayValue?.count == 4 && text.json["parameters"] == nil)
    }

    @Test func showsNamedVariables() throws {
        let template = try Self.template(["header": nil, "body": "Hi {{first_name}}", "buttons": []])
        let message = try MessagePayload.hydrate(template: template, params: ["first_name": "Amina"])
        #expect(MessageText(message: message, template: template).lines == ["Hi Amina", "Reply STOP"])
    }

    @Test func showsTheParametersOfAnUnknownTemplate() throws {
        let template = try Self.template()
        let params = ["header": "you", "1": "Amina", "2": "5", "button.0": "a1", "button.2": "SAVE"]
        let message = try MessagePayload.hydrate(template: template, params: params)
        let expected = ["header.1: you", "body.1: Amina", "body.2: 5", "button.0: a1", "button.2: SAVE"]
        #expect(MessageText(message: message).lines == expected)
        // Another template's texts are not those of the message.
        let other = try Self.template(["whatsappName": "other"])
        #expect(MessageText(message: message, template: other).lines == expected)
    }

    @Test(
        arguments: [
            (["type": "text", "text": ["body": "Hi\nyou"]], ["Hi", "you"]),
            (
                ["type": "image", "image": ["link": "https://a.example/x.png", "caption": "Look"]],
                [
                    "[image] https://a.example/x.png", "Look",
                ]
            ),
            (
                [
                    "type": "interactive",
                    "interactive": [
                        "type": "button", "header": ["type": "text", "text": "Top"], "body": ["text": "Choose"],
                        "footer": ["text": "Below"],
                        "action": ["buttons": [["type": "reply", "reply": ["id": "1", "title": "Yes"]]]],
                    ],
                ], ["Top", "Choose", "Below", "[Yes]"]
            ),
            (
                [
                    "type": "interactive",
                    "interactive": [
                        "type": "cta_url", "body": ["text": "Read"],
                        "action": [
                            "name": "cta_url", "parameters": ["display_text": "Open", "url": "https://a.example"],
                        ],
                    ],
                ], ["Read", "[Open: https://a.example]"]
            ),
        ] as [(JSONValue, [String])]
    )
    func showsOtherMessages(message: JSONValue, lines: [String]) {
        #expect(MessageText(message: message).lines == lines)
    }
}
