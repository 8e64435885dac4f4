import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Message templates that WhatsApp approved.
struct TemplateEndpoints: Sendable {
    let templates: TemplateRepository

    var all: [Endpoint] { [list, create, find, update, delete] }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/templates",
            name: "listTemplates",
            tag: "templates",
            summary: "List templates in the order of their names",
            query: [.page, .limit],
            responses: [
                .json(
                    .ok,
                    "A page of templates.",
                    .object(TemplateShapes.list),
                    example: ["items": [TemplateShapes.example], "page": 1, "limit": 20, "total": 1]
                )
            ],
            handle: .checked { call in
                let (found, total) = try await templates.list(tenant: call.tenant, page: call.page, limit: call.limit)
                let standings = try await templates.standings(tenant: call.tenant, of: found)
                let wishes = Dictionary(grouping: standings, by: \.template)
                return call.page(found.map { $0.json(wishes[$0.spec.name] ?? []) }, total: total)
            }
        )
    }

    private var create: Endpoint {
        Endpoint(
            method: .post,
            path: "/templates",
            name: "createTemplate",
            tag: "templates",
            summary: "Create a template",
            body: .required(.spec(.template), example: TemplateShapes.createExample),
            responses: [
                .json(.created, "The template.", .object(TemplateShapes.template), example: TemplateShapes.example)
            ],
            problems: [.nameTaken],
            handle: .checked { call in
                let record = try await templates.create(try Self.template(call.body), tenant: call.tenant)
                return .created(record.json, at: "/templates/\(record.id.apiText)")
            }
        )
    }

    private var find: Endpoint {
        Endpoint(
            method: .get,
            path: "/templates/{id}",
            noun: "template",
            name: "getTemplate",
            tag: "templates",
            summary: "Get a template",
            responses: [.json(.ok, "The template.", .object(TemplateShapes.template), example: TemplateShapes.example)],
            handle: .checked { call in
                let record = try await template(call)
                return .json(record.json(try await templates.standings(tenant: call.tenant, of: [record])))
            }
        )
    }

    private var update: Endpoint {
        Endpoint(
            method: .patch,
            path: "/templates/{id}",
            noun: "template",
            name: "updateTemplate",
            tag: "templates",
            summary: "Change a template that no campaign uses",
            details:
                "A field that is left out stays, and `null` removes it. The result must be a valid template. A template "
                + "that a campaign uses cannot be changed; create another one instead.",
            body: .required(.spec(.templateChange), example: ["footer": "Reply STOP to leave"]),
            responses: [
                .json(.ok, "The changed template.", .object(TemplateShapes.template), example: TemplateShapes.example)
            ],
            problems: [.managedBySpec, .protected, .inUse, .nameTaken],
            handle: .checked { call in
                let record = try await template(call)
                var fields = record.spec.canonical.objectValue ?? [:]
                fields["protect"] = nil
                for (key, value) in call.body.objectValue ?? [:] {
                    fields[key] = value == .null ? Optional.none : value
                }
                let changed = try Self.template(.object(fields))
                return .json(try await templates.replace(record.id, by: changed, tenant: call.tenant).json)
            }
        )
    }

    private var delete: Endpoint {
        Endpoint(
            method: .delete,
            path: "/templates/{id}",
            noun: "template",
            name: "deleteTemplate",
            tag: "templates",
            summary: "Delete a template that no campaign uses",
            responses: [Endpoint.ResponseShape(status: .noContent, description: "Deleted.")],
            problems: [.managedBySpec, .protected, .inUse],
            handle: .checked { call in
                try await templates.delete(try call.id(), tenant: call.tenant)
                return .noContent
            }
        )
    }

    private func template(_ call: APICall) async throws -> TemplateRecord {
        guard let record = try await templates.find(try call.id(), tenant: call.tenant) else {
            throw Problem.notFound("template")
        }
        return record
    }

    /// Reads a template with the reader of specs, after a check of the fields, which differ from those of files.
    private static func template(_ body: JSONValue) throws(Problem) -> TemplateSpec {
        var fields = body.objectValue ?? [:]
        var errors: [FieldProblem] = []
        for name in SpecSchemas.fieldsOfSpecsOnly where fields.removeValue(forKey: name) != nil {
            errors.append(FieldProblem(name, "exists in spec files only"))
        }
        errors += SpecSchemas.templateFields.problems(of: .object(fields), at: "")
        let known = SpecSchemas.templateFields.fields.map(\.name)
        let places = Set(errors.map(\.field))
        do {
            let spec = try TemplateSpec(canonical: .object(fields.filter { known.contains($0.key) }))
            if spec.hasStoredFile {
                errors.append(
                    FieldProblem("header", "names a file of a spec; give a link or the id of an uploaded file")
                )
            }
            if errors.isEmpty { return spec }
        } catch {
            errors += FieldProblem.all(of: error, below: "").filter { !places.contains($0.field) }
        }
        throw .invalid(errors)
    }
}

/// Templates in answers; in requests they have the form of specs.
///
/// The shapes are looser than those of requests, because a template may have been stored under older rules.
private enum TemplateShapes {
    private static let button = ObjectShape(
        "TemplateButton",
        "A button of a template.",
        [
            ShapeField(
                "type",
                .choice([
                    "quickReply", "url", "phone", "copyCode", "flow", "catalog", "products", "product", "voiceCall",
                    "contactInfo",
                ]),
                isRequired: true,
                "Action of the button."
            ),
            ShapeField("text", .text(0...25), "Label of the button."),
            ShapeField("url", .text(0...2_000), "URL that it opens; templates stored long ago may have another text."),
            ShapeField(
                "phoneNumber",
                .text(0...20),
                "Number that it calls; templates stored long ago may have another text."
            ),
            ShapeField("flowId", .text(upTo: 64), "Id of the flow that it opens."),
            ShapeField("action", .choice(["navigate", "dataExchange"]), "What the flow does first."),
            ShapeField("screen", .text(upTo: 100), "First screen of the flow."),
        ]
    )

    private static let state = ObjectShape(
        "TemplateState",
        "The state of a template at WhatsApp, as its webhooks told it. Fields that are not known are left out.",
        [
            ShapeField("businessAccountId", .text(upTo: 50), isRequired: true, "The WhatsApp Business Account."),
            ShapeField("status", .text(upTo: 30), "WhatsApp's last event.", example: "PAUSED"),
            ShapeField(
                "canBeSent",
                .bool,
                isRequired: true,
                "False if WhatsApp refuses the template in this status."
            ),
            ShapeField("reason", .text(upTo: 1_000), "WhatsApp's reason."),
            ShapeField("statusAt", .dateTime, "When WhatsApp reported the status."),
            ShapeField("quality", .text(upTo: 30), "Quality: GREEN, YELLOW, RED or UNKNOWN.", example: "GREEN"),
            ShapeField("category", .text(upTo: 30), "Category that WhatsApp gave it.", example: "marketing"),
            ShapeField("nextCategory", .text(upTo: 30), "Category that WhatsApp announced for it."),
        ]
    )

    private static let submission = ObjectShape(
        "TemplateSubmission",
        "The last change of a template that a plan wished at WhatsApp, and what became of it.",
        [
            ShapeField("language", .text(upTo: 20), isRequired: true, "Language code.", example: "en"),
            ShapeField("action", .choice(["create", "edit", "delete"]), isRequired: true, "What is changed."),
            ShapeField(
                "status",
                .choice(SubmissionStatus.allCases.map(\.rawValue)),
                isRequired: true,
                "`done` once WhatsApp has it; its review is a state of the template."
            ),
            ShapeField("attempts", .integer(0...1_000), isRequired: true, "Requests that may have arrived."),
            ShapeField("dueAt", .dateTime, "The next step of one that is not over."),
            ShapeField("sentAt", .dateTime, "The last request."),
            ShapeField("settledAt", .dateTime, "When it was over."),
            ShapeField("category", .text(upTo: 30), "Category in WhatsApp's answer.", example: "marketing"),
            ShapeField("error", .text(0...10_000), "Why it failed, or waits."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When the plan was applied."),
        ]
    )

    static let template = ObjectShape(
        "StoredTemplate",
        "A message template that WhatsApp approved. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the template."),
            ShapeField(
                "name",
                .text(upTo: 255),
                isRequired: true,
                "Name of the template here.",
                example: "spring-offer"
            ),
            ShapeField("whatsappName", .text(upTo: 512), isRequired: true, "Name of the template at WhatsApp."),
            ShapeField("account", .text(upTo: 63), "Name of the account that it belongs to.", example: "main"),
            ShapeField("language", .text(upTo: 20), isRequired: true, "Language code.", example: "en"),
            ShapeField(
                "category",
                .choice(TemplateSpec.Category.self),
                isRequired: true,
                "Category that it was approved for."
            ),
            ShapeField("header", .any, "Text of the header, or its file, place or product as in specs."),
            ShapeField("body", .text(0...1_024), "Text of the body; left out if the text is WhatsApp's own."),
            ShapeField("footer", .text(0...1_024), "Text of the footer."),
            ShapeField("buttons", .list(.object(button), count: 0...10), isRequired: true, "The buttons."),
            ShapeField("cards", .any, "The cards of a carousel, as in specs."),
            ShapeField("offer", .any, "The limited-time offer, as in specs."),
            ShapeField("otp", .any, "The parts of a message with a code, as in specs."),
            ShapeField("callPermission", .bool, "Whether it asks for the permission to call."),
            ShapeField("examples", .any, "Texts for the variables, by their keys."),
            ShapeField("languages", .any, "The texts in other languages, by their codes, as in specs."),
            ShapeField(
                "fallback",
                .text(upTo: 20),
                "Language of people whose own is not there; left out if it is `language`."
            ),
            ShapeField("allowCategoryChange", .bool, "Whether WhatsApp may approve it in another category."),
            ShapeField("ttl", .text(upTo: 20), "How long WhatsApp tries to deliver.", example: "12h"),
            ShapeField(
                "parameters",
                .list(.text(upTo: 512), count: 0...100),
                isRequired: true,
                "Keys that `templateParams` of a campaign must have. A template with files or places takes others too."
            ),
            ShapeField("managedBy", .choice(["spec"]), "`spec` if a spec file owns it: it can only be changed there."),
            ShapeField("sourceFile", .text(0...4_096), "Path of that file."),
            ShapeField(
                "whatsapp",
                .list(.object(state), count: 0...1_000),
                "States that WhatsApp reported, one for each account of the tenant's senders; left out if there are none."
            ),
            ShapeField(
                "submissions",
                .list(.object(submission), count: 0...100),
                "What plans wished at WhatsApp, one for each language; left out if nothing was."
            ),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was created."),
            ShapeField("updatedAt", .dateTime, isRequired: true, "When it was last changed."),
        ]
    )

    static let list = ObjectShape.page(
        of: template,
        "TemplateList",
        "A page of templates, in the order of their names."
    )

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
    /// Returns the template with what became of the wishes for it.
    fileprivate func json(_ standings: [TemplateStanding]) -> JSONValue {
        let submissions = standings.compactMap { standing -> JSONValue? in
            guard var fields = standing.wish?.json.objectValue else { return nil }
            fields["language"] = .string(standing.language)
            return .object(fields)
        }
        guard !submissions.isEmpty, var fields = json.objectValue else { return json }
        fields["submissions"] = .array(submissions)
        return .object(fields)
    }

    fileprivate var json: JSONValue {
        var fields = spec.canonical.objectValue ?? [:]
        fields["protect"] = nil
        fields["id"] = .string(id.apiText)
        fields["parameters"] = .array(spec.parameters.filter(\.isRequired).map { .string($0.key) })
        fields["managedBy"] = isManagedBySpec ? JSONValue.string("spec") : Optional.none
        fields["sourceFile"] = sourceFile.map(JSONValue.string)
        fields["whatsapp"] = states.isEmpty ? nil : .array(states.map(\.json))
        fields["createdAt"] = .string(createdAt.apiText)
        fields["updatedAt"] = .string(updatedAt.apiText)
        return .object(fields)
    }
}

extension TemplateState {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [
            "businessAccountId": .string(businessAccountID), "canBeSent": .bool(!isStopped),
        ]
        fields["status"] = status.map(JSONValue.string)
        fields["reason"] = reason.map(JSONValue.string)
        fields["statusAt"] = statusAt.map { .string($0.apiText) }
        fields["quality"] = quality.map(JSONValue.string)
        fields["category"] = category.map(JSONValue.string)
        fields["nextCategory"] = nextCategory.map(JSONValue.string)
        return .object(fields)
    }
}
