import JSON
import Spec
import Store

/// What templates look like in answers; requests have the form of specs.
///
/// Answers may hold what was stored when the rules for requests were others, so they promise less: a type and a length.
enum TemplateShapes {
    private static let button = ObjectShape(
        "TemplateButton",
        "A button below the message.",
        [
            ShapeField("type", .choice(["quickReply", "url", "phone", "copyCode"]), isRequired: true, "What it does."),
            ShapeField("text", .text(0...25), "What stands on it."),
            ShapeField("url", .text(0...2_000), "The address it opens; an old template may say something else."),
            ShapeField("phoneNumber", .text(0...20), "The number it calls; an old template may say something else."),
        ]
    )

    static let template = ObjectShape(
        "StoredTemplate",
        "A message template as WhatsApp approved it. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Its id."),
            ShapeField("name", .text(upTo: 255), isRequired: true, "What it is called here.", example: "spring-offer"),
            ShapeField("whatsappName", .text(upTo: 512), isRequired: true, "What it is called at WhatsApp."),
            ShapeField("language", .text(upTo: 20), isRequired: true, "Its language.", example: "en"),
            ShapeField("category", .choice(TemplateSpec.Category.self), isRequired: true, "What it is approved for."),
            ShapeField("header", .text(0...1_024), "The text above."),
            ShapeField("body", .text(0...1_024), isRequired: true, "The text."),
            ShapeField("footer", .text(0...1_024), "The text below."),
            ShapeField("buttons", .list(.object(button), count: 0...10), isRequired: true, "The buttons."),
            ShapeField(
                "parameters",
                .list(.text(upTo: 512), count: 0...100),
                isRequired: true,
                "The keys that `templateParams` of a campaign must have."
            ),
            ShapeField("managedBy", .choice(["spec"]), "`spec`: a file owns it, and only the file changes it."),
            ShapeField("sourceFile", .text(0...4_096), "The file that owns it."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was made."),
            ShapeField("updatedAt", .dateTime, isRequired: true, "When it was last changed."),
        ]
    )

    static let list = ObjectShape.page(of: template, "TemplateList", "A page of templates, by name.")

    static let createExample: JSONValue = [
        "name": "spring-offer", "whatsappName": "spring_offer", "language": "en", "category": "marketing",
        "body": "Hi {{1}}, our spring offer is here.",
    ]

    static let example: JSONValue = [
        "id": "3b0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11", "name": "spring-offer", "whatsappName": "spring_offer",
        "language": "en", "category": "marketing", "body": "Hi {{1}}, our spring offer is here.", "buttons": [],
        "parameters": ["1"], "createdAt": "2026-11-20T08:00:00Z", "updatedAt": "2026-11-20T08:00:00Z",
    ]
}

extension TemplateRecord {
    var json: JSONValue {
        var fields = spec.canonical.objectValue ?? [:]
        fields["protect"] = nil
        fields["id"] = .string(id.apiText)
        fields["parameters"] = .array(spec.parameters.map { .string($0.key) })
        fields["managedBy"] = isManagedBySpec ? JSONValue.string("spec") : Optional.none
        fields["sourceFile"] = sourceFile.map(JSONValue.string)
        fields["createdAt"] = .string(createdAt.apiText)
        fields["updatedAt"] = .string(updatedAt.apiText)
        return .object(fields)
    }
}
