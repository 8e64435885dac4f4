import AccessTokens
import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Creating, reading, changing and deleting campaigns.
struct CampaignEndpoints: Sendable {
    let campaigns: CampaignRepository
    let outlooks: OutlookRepository
    let reader: CampaignDraftReader

    var all: [Endpoint] { [list, find, create, update, delete] }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns",
            name: "listCampaigns",
            tag: "campaigns",
            summary: "List campaigns, newest first",
            query: [
                .page, .limit,
                QueryParameter("status", .choice(CampaignStatus.self), "Only campaigns in this state."),
                QueryParameter("type", .choice(CampaignType.self), "Only campaigns of this type."),
                QueryParameter("sourceModule", .text(upTo: 50), "Only campaigns of this module."),
                QueryParameter("sourceReferenceId", .text(upTo: 100), "Only campaigns for this object of the module."),
                QueryParameter("q", .text(upTo: 100), "Only campaigns with this text in their name or title."),
            ],
            responses: [
                .json(
                    .ok,
                    "A page of campaigns.",
                    .object(CampaignShapes.list),
                    example: ["items": [CampaignShapes.example], "page": 1, "limit": 20, "total": 1]
                )
            ],
            handle: .checked { call in
                var query = CampaignQuery()
                query.status = call.text("status").flatMap(CampaignStatus.init)
                query.type = call.text("type").flatMap(CampaignType.init)
                query.sourceModule = call.text("sourceModule")
                query.sourceReferenceID = call.text("sourceReferenceId")
                query.text = call.text("q")
                let (found, total) = try await campaigns.list(
                    tenant: call.tenant,
                    query,
                    page: call.page,
                    limit: call.limit
                )
                let outlooks = try await outlooks.outlooks(of: found)
                return call.page(found.map { $0.json(outlooks[$0.id], for: call) }, total: total)
            }
        )
    }

    private var find: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}",
            noun: "campaign",
            name: "getCampaign",
            tag: "campaigns",
            summary: "Get a campaign",
            responses: [.json(.ok, "The campaign.", .object(CampaignShapes.campaign), example: CampaignShapes.example)],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                return .json(record.json(try await outlooks.outlooks(of: [record])[record.id], for: call))
            }
        )
    }

    private var create: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns",
            name: "createCampaign",
            tag: "campaigns",
            summary: "Create a campaign",
            details: "It is a draft until it is launched or scheduled.",
            body: .required(.object(CampaignShapes.create), example: CampaignShapes.createExample),
            responses: [
                .json(.created, "The new campaign.", .object(CampaignShapes.campaign), example: CampaignShapes.example)
            ],
            problems: [.nameTaken],
            handle: .checked { call in
                let draft = try await reader.draft(call.body, tenant: call.tenant)
                let record = try await campaigns.create(
                    draft,
                    tenant: call.tenant,
                    createdBy: UUID(uuidString: call.caller.subject)
                )
                return .created(record.json, at: "/campaigns/\(record.id.apiText)")
            }
        )
    }

    private var update: Endpoint {
        Endpoint(
            method: .patch,
            path: "/campaigns/{id}",
            noun: "campaign",
            name: "updateCampaign",
            tag: "campaigns",
            summary: "Change a draft",
            details:
                "A field that is left out stays, and `null` removes it. A campaign from a spec file is changed in the file.",
            body: .required(.object(CampaignShapes.update), example: ["title": "Spring offer"]),
            responses: [
                .json(.ok, "The changed campaign.", .object(CampaignShapes.campaign), example: CampaignShapes.example)
            ],
            problems: [.stateConflict, .managedBySpec, .nameTaken],
            handle: .checked { call in
                while true {
                    let record = try await campaigns.required(call)
                    if record.isManagedBySpec { throw CampaignError.managed(file: record.sourceFile) }
                    guard record.status == .draft else { throw CampaignError.state(record.status, action: "changed") }
                    let draft = try await reader.changed(CampaignDraft(record), by: call.body, tenant: call.tenant)
                    // Repeats the change if a concurrent request changed the campaign since it was read.
                    if let changed = try await campaigns.replace(record, by: draft) { return .json(changed.json) }
                }
            }
        )
    }

    private var delete: Endpoint {
        Endpoint(
            method: .delete,
            path: "/campaigns/{id}",
            noun: "campaign",
            name: "deleteCampaign",
            tag: "campaigns",
            summary: "Delete a draft",
            details: "A launched campaign keeps its log and cannot be deleted; cancel it instead.",
            responses: [Endpoint.ResponseShape(status: .noContent, description: "Deleted.")],
            problems: [.stateConflict, .managedBySpec, .protected, .inUse],
            handle: .checked { call in
                try await campaigns.delete(try call.id(), tenant: call.tenant)
                return .noContent
            }
        )
    }
}

extension CampaignRepository {
    /// Returns the campaign with the id in the path.
    func required(_ call: APICall) async throws -> CampaignRecord {
        guard let record = try await find(try call.id(), tenant: call.tenant) else {
            throw Problem.notFound("campaign")
        }
        return record
    }
}
