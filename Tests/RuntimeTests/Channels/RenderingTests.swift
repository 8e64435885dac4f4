import Foundation
import JSON
import Spec
import Store
import Testing

@testable import API
@testable import Runtime

/// Rendering of a stored payload and a contact to the bytes of a request.
struct RenderingTests {
    private static let id = UUID()

    private func body(_ message: JSONValue, contact: ContactFields, context: String? = nil) throws -> JSONValue {
        let values = PlaceholderValues(contact: contact, context: context)
        let bytes = try PayloadTemplate(message: message)
            .body(recipient: values[.contact(.contactId)] ?? "", messageID: Self.id) { values[$0] }
        return try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
    }

    private func text(_ text: String, contact: ContactFields, context: String? = nil) throws -> String? {
        let message: JSONValue = ["type": "text", "text": ["body": .string(text)]]
        return try body(message, contact: contact, context: context)["text"]?["body"]?.stringValue
    }

    @Test func surroundsThePayloadWithRecipientAndOurID() throws {
        let body = try body(
            ["type": "text", "text": ["body": "Hi"]],
            contact: ContactFields([.contactId: .text("5511999990000")])
        )
        #expect(
            body == [
                "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+5511999990000",
                "biz_opaque_callback_data": .string(Self.id.uuidString.lowercased()),
                "type": "text", "text": ["body": "Hi"],
            ]
        )
    }

    @Test(arguments: [("+5511999990000", "+5511999990000"), ("5511999990000", "+5511999990000"), ("49", "+49")])
    func numbersGetTheirPlusSign(phone: String, expected: String) {
        #expect(PayloadTemplate.internationalNumber(phone) == expected)
    }

    @Test(arguments: [
        #"quo"te"#, #"back\slash"#, "line\nbreak\ttab\rreturn", "\u{0}\u{1}\u{1F}\u{7F}", "👩🏽‍🚀 ünï ¿", "\u{2028}",
        "</script>",
        "{{name}}", "{{metadata.secret}} {{", "}} {{context.x|y}}", #"","to":"+1""#, "\u{10FFFF}",
    ])
    func valuesOfContactsAreAlwaysEscaped(name: String) throws {
        let contact = ContactFields([.contactId: .text("+1"), .name: .text(name)], metadata: #"{"secret":"hidden"}"#)
        #expect(try text("Hi {{name}}!", contact: contact) == "Hi \(name)!")
        // The value also wins over a default.
        #expect(try text("{{name|you}}", contact: contact) == name)
    }

    @Test func literalTextsAreEscapedToo() throws {
        let literal = "say \"hi\" \\ \n \u{1} 🎉"
        #expect(try text(literal, contact: ContactFields([.contactId: .text("+1")])) == literal)
    }

    @Test func fillsNestedObjectsAndArraysAndLeavesTheRest() throws {
        let message: JSONValue = [
            "type": "template",
            "template": [
                "name": "offer", "count": 3, "share": .number(0.5), "flag": true, "none": nil,
                "components": [
                    ["type": "body", "parameters": [["type": "text", "text": "{{name}}"], ["text": "{{pin|0000}}"]]],
                    [], [[]],
                ],
            ],
        ]
        let body = try body(message, contact: ContactFields([.contactId: .text("+1"), .name: .text("Ana")]))
        let template = try #require(body["template"])
        #expect(template["components"]?[0]?["parameters"]?[0]?["text"] == "Ana")
        #expect(template["components"]?[0]?["parameters"]?[1]?["text"] == "0000")
        #expect(template["components"]?[2] == [[]])
        #expect(template["count"] == 3)
        #expect(template["share"] == .number(0.5))
        #expect(template["flag"] == true)
        #expect(template["none"] == .null)
    }

    /// Renders a message with one template parameter.
    private func parameter(
        _ text: String,
        name: String? = nil,
        _ treatment: TemplateText = .mend
    ) throws -> String? {
        let message: JSONValue = [
            "type": "template",
            "template": ["components": [["type": "body", "parameters": [["type": "text", "text": .string(text)]]]]],
        ]
        let values = PlaceholderValues(contact: ContactFields(name.map { [.name: .text($0)] } ?? [:]), context: nil)
        let bytes = try PayloadTemplate(message: message)
            .body(recipient: "1", messageID: Self.id, templateText: treatment) { values[$0] }
        let body = try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
        return body["template"]?["components"]?[0]?["parameters"]?[0]?["text"]?.stringValue
    }

    @Test(arguments: [
        ("Mary\nWambui", "Mary Wambui"), ("Mary \r\n Wambui", "Mary Wambui"), ("a\tb", "a b"), ("a\n\n\tb\n", "a b"),
        ("\n a", "a"), ("a\u{2028}b", "a b"), ("a\u{85}b", "a b"), ("a     b", "a    b"), ("a    b", "a    b"),
        ("  a  ", "  a  "), ("é â “x”", "é â “x”"), ("          a", "    a"),
    ])
    func parametersAreMadeSendable(text: String, expected: String) throws {
        #expect(try parameter("Dear {{name}}", name: text) == ParameterText.mended("Dear " + text))
        #expect(try parameter("{{name}}", name: text) == expected)
        // A literal in the spec as well.
        #expect(try parameter(text) == expected)
        let fault = ParameterText.fault(in: text)
        #expect((fault == nil) == (text == expected))
        guard let fault else { return }
        #expect(throws: UnsendableText.strict(fault)) { try parameter("{{name}}", name: text, .strict) }
        #expect(throws: UnsendableText.strict(fault)) { try parameter(text, .strict) }
    }

    @Test func onlyParametersAreChanged() throws {
        let contact = ContactFields([.name: .text("a\nb      c")])
        #expect(try text("{{name}}\n\t.", contact: contact) == "a\nb      c\n\t.")
    }

    @Test(arguments: ["{{name}}", "{{name|}}", " {{name|}} ", "{{name| }}{{pin|}}"], [nil, "", "   ", "\n"])
    func aBlankParameterIsAMissingValue(text: String, name: String?) {
        let error = #expect(throws: TextTemplate.MissingValue.self) { try parameter(text, name: name) }
        #expect(error?.path == .contact(.name))
    }

    @Test func blankValuesTakeTheirDefaultsWhereNothingElseIsSeen() throws {
        #expect(try parameter("{{name|there}}", name: "  ") == "there")
        #expect(try parameter("Hi {{name|}}!", name: nil) == "Hi !")
        #expect(try parameter("Hi {{name|}}!", name: " ") == "Hi  !")
        #expect(throws: UnsendableText.blank) { try parameter("   ") }
    }

    @Test func aMissingValueWithoutADefaultNamesThePlaceholder() throws {
        for name in [nil, ContactValue.text("")] {
            let contact = ContactFields([.contactId: .text("+1")].merging(name.map { [.name: $0] } ?? [:]) { $1 })
            let error = #expect(throws: TextTemplate.MissingValue.self) { try text("Hi {{name}}", contact: contact) }
            #expect(error?.description == "no value for {{name}}; give it a default with {{name|default}}")
        }
    }

    @Test func aBrokenPlaceholderIsRefusedBeforeAnythingIsSent() {
        #expect(throws: TextTemplate.Problem.self) { try PayloadTemplate(message: ["text": ["body": "Hi {{name"]]) }
        #expect(throws: TextTemplate.Problem.self) { try PayloadTemplate(message: ["text": ["body": "Hi {{nobody}}"]]) }
    }

    @Test(arguments: [
        ("name", "Ana"), ("email", "ana@example.com"), ("contactId", "+5511"), ("pin", "0042"), ("yearOfBirth", "1990"),
        ("messageCount", "7"), ("paymentStatus", "paid"), ("firstSeen", "2026-03-28"), ("lastSeen", "2026-03-29"),
        ("metadata.company", "Acme"), ("metadata.count", "3"), ("metadata.ratio", "1.5"), ("metadata.vip", "true"),
        ("metadata.list", #"[1,"a"]"#), ("context.order", "A-1"), ("context.cart.total", "12"),
        ("context.cart.items.first", "shoe"), ("context.dotted.key", "flat"),
    ])
    func everyPlaceholderHasItsValue(path: String, expected: String) throws {
        let contact = ContactFields(
            [
                .contactId: .text("+5511"), .name: .text("Ana"), .email: .text("ana@example.com"), .pin: .text("0042"),
                .yearOfBirth: .integer(1990), .messageCount: .integer(7), .paymentStatus: .text("paid"),
                .firstSeen: .timestamp(try Date("2026-03-28T23:59:59Z", strategy: .iso8601)),
                .lastSeen: .timestamp(try Date("2026-03-29T00:00:00Z", strategy: .iso8601)),
            ],
            metadata: #"{"company":"Acme","count":3,"ratio":1.5,"vip":true,"list":[1,"a"],"none":null}"#
        )
        let context = #"{"order":"A-1","cart":{"total":12,"items":{"first":"shoe"}},"dotted.key":"flat","none":null}"#
        #expect(try text("{{\(path)}}", contact: contact, context: context) == expected)
    }

    @Test(arguments: [
        "metadata.none", "metadata.unknown", "context.none", "context.cart.unknown", "context.order.deeper",
    ])
    func nothingIsAMissingValue(path: String) throws {
        let contact = ContactFields([.contactId: .text("+1")], metadata: #"{"none":null}"#)
        let context = #"{"order":"A-1","cart":{},"none":null}"#
        #expect(try text("{{\(path)|default}}", contact: contact, context: context) == "default")
        #expect(throws: TextTemplate.MissingValue.self) { try text("{{\(path)}}", contact: contact, context: nil) }
    }

    @Test func jobIDsNameMessages() throws {
        let id = try #require(UUID(uuidString: "0198C0DE-0000-8000-8000-00000000002A"))
        #expect(JobID.text(id) == "cm-0198c0de-0000-8000-8000-00000000002a")
        #expect(JobID.message(JobID.text(id)) == id)
        for other in [
            "", "cm-", "0198c0de-0000-8000-8000-00000000002a", "cm-x", "xx-0198c0de-0000-8000-8000-00000000002a",
        ] {
            #expect(JobID.message(other) == nil)
        }
    }
}
