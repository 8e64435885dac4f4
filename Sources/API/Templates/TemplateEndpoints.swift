import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Message templates that WhatsApp has approved.
struct TemplateEndpoints: Sendable {
    let templates: TemplateRepository

    var all: [Endpoint] { [list, create, find, update, delete] }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/templates",
            name: "listTemplates",
            tag: "templates",
            summary: "List templates by name",
            query: [.page, .limit],
            answers: [
                .json(
                    .ok,
                    "A page of templates.",
                    .object(TemplateShapes.list),
                    example: ["items": [TemplateShapes.example], "page": 1, "limit": 20, "total": 1]
                )
            ],
            handle: { call in
                let (found, total) = try await templates.list(tenant: call.tenant, page: call.page, limit: call.limit)
                return call.page(found.map(\.json), total: total)
            }
        )
    }

    private var create: Endpoint {
        Endpoint(
            method: .post,
            path: "/templates",
            name: "createTemplate",
            tag: "templates",
            summary: "Make a template known",
            body: .required(.spec(.template), example: TemplateShapes.createExample),
            answers: [
                .json(.created, "The template.", .object(TemplateShapes.template), example: TemplateShapes.example)
            ],
            problems: [.nameTaken],
            handle: { call in
                let record = try await templates.create(try Self.template(call.body), tenant: call.tenant)
                return .created(record.json, at: "/templates/\(record.id.apiText)")
            }
        )
    }

    private var find: Endpoint {
        Endpoint(
            method: .get,
            path: "/templates/{id}",
            name: "getTemplate",
            tag: "templates",
            summary: "Get a template",
            answers: [.json(.ok, "The template.", .object(TemplateShapes.template), example: TemplateShapes.example)],
            handle: { call in .json(try await template(call).json) }
        )
    }

    private var update: Endpoint {
        Endpoint(
            method: .patch,
            path: "/templates/{id}",
            name: "updateTemplate",
            tag: "templates",
            summary: "Change a template that no campaign uses",
            details:
                "What is left out stays, null takes away; what comes of it must be a template that could be made anew. "
                + "Campaigns hold what they were made from, so make another template instead of changing one that "
                + "they use.",
            body: .required(.spec(.templateChange), example: ["footer": "Reply STOP to leave"]),
            answers: [
                .json(.ok, "The changed template.", .object(TemplateShapes.template), example: TemplateShapes.example)
            ],
            problems: [.managedBySpec, .protected, .inUse, .nameTaken],
            handle: { call in
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
            name: "deleteTemplate",
            tag: "templates",
            summary: "Delete a template that no campaign uses",
            answers: [Endpoint.Answer(status: .noContent, description: "It is gone.")],
            problems: [.managedBySpec, .protected, .inUse],
            handle: { call in
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

    /// Reads a template with the reader of specs; which fields there are is for the API to say, which has others.
    private static func template(_ body: JSONValue) throws(Problem) -> TemplateSpec {
        var fields = body.objectValue ?? [:]
        var errors: [FieldProblem] = []
        for name in SpecSchemas.fieldsOfSpecsOnly where fields.removeValue(forKey: name) != nil {
            errors.append(FieldProblem(name, "only specs have this field"))
        }
        errors += SpecSchemas.templateFields.problems(of: .object(fields), at: "")
        let known = SpecSchemas.templateFields.fields.map(\.name)
        let places = Set(errors.map(\.field))
        do {
            let spec = try TemplateSpec(canonical: .object(fields.filter { known.contains($0.key) }))
            if errors.isEmpty { return spec }
        } catch {
            errors += FieldProblem.all(of: error, below: "").filter { !places.contains($0.field) }
        }
        throw .invalid(errors)
    }
}
