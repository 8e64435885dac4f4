import JSON
import Spec
import Testing

/// Templates as rows have them.
struct StoredTemplateTests {
    private static let row: JSONValue = [
        "name": "Old One", "protect": true, "whatsappName": "Old", "language": "english", "category": "utility",
        "header": "{{1}} {{2}}", "body": "Hi {{", "footer": "",
        "buttons": [
            ["type": "phone", "text": "Call", "phoneNumber": "the shop"],
            ["type": "url", "text": "A text of more than 25 characters", "url": "nowhere"],
            ["type": "quickReply", "text": ""], ["type": "copyCode"],
        ],
    ]

    private static func with(_ field: String, _ value: JSONValue?) -> JSONValue {
        var fields = row.objectValue ?? [:]
        fields[field] = value
        return .object(fields)
    }

    @Test func areReadByWhateverRules() throws {
        #expect(try TemplateSpec(stored: Self.row).canonical == Self.row)
        #expect(throws: SpecError.self) { try TemplateSpec(canonical: Self.row) }
        #expect(try TemplateSpec(stored: Self.with("buttons", nil)).buttons == [])
        #expect(try TemplateSpec(stored: Self.with("sourceFile", "a.yaml")).canonical == Self.row)
    }

    @Test func ofTodayAreReadAlike() throws {
        let row: JSONValue = [
            "name": "offer", "protect": false, "whatsappName": "offer", "language": "en", "category": "marketing",
            "header": "Hello", "body": "Hi {{1}}", "footer": "Bye",
            "buttons": [["type": "url", "text": "Shop", "url": "https://acme.example/{{1}}"]],
        ]
        #expect(try TemplateSpec(stored: row) == TemplateSpec(canonical: row))
        #expect(try SpecKind.template.spec(stored: row).canonical == row)
        #expect(throws: SpecError.self) { try SpecKind.sender.spec(stored: row) }
    }

    @Test(
        arguments: [
            ("name", nil), ("whatsappName", nil), ("category", nil), ("category", "other"), ("body", nil), ("body", 5),
            ("buttons", "x"), ("buttons", [["text": "x"]]), ("buttons", [["type": "dial"]]), ("buttons", [7]),
            ("buttons", [["type": "phone", "text": "x"]]), ("buttons", [["type": "url", "text": "x", "url": 1]]),
        ] as [(String, JSONValue?)]
    )
    func thatAreNoneAreRefused(field: String, value: JSONValue?) throws {
        let error = try #require(throws: SpecError.self) {
            try TemplateSpec(stored: Self.with(field, value))
        }
        #expect(error.diagnostics.contains { $0.field?.hasPrefix(field) == true }, "\(error)")
    }
}
