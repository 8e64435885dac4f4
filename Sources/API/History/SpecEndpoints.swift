import Foundation
import HTTPTypes
import JSON
import Postgres
import Spec
import Store

/// The state of specs in the database, the plans that were applied, and the spec of a campaign.
struct SpecEndpoints: Sendable {
    /// The maximum number of changes of one plan in an answer.
    private static let changeLimit = 200

    let pool: PostgresPool
    let campaigns: CampaignRepository

    var all: [Endpoint] { [status, history, spec] }

    private var status: Endpoint {
        Endpoint(
            method: .get,
            path: "/specs",
            name: "getSpecs",
            tag: "specs",
            summary: "Get what is applied from specs",
            details:
                "`drift` are fields of a row that no longer have the value that was last applied: they were changed by hand, and "
                + "the next apply changes them back. `lastAttempt` is the last attempt to apply specs that failed. If the database "
                + "has several tenants, its `detail` has only lines about this one.",
            responses: [.json(.ok, "The state.", .object(SpecShapes.status), example: SpecShapes.statusExample)],
            handle: .checked { call in
                let status = try await SpecStatusRepository(pool: pool).status(tenant: call.tenant)
                return .json(status.json(tenant: call.tenant))
            }
        )
    }

    private var history: Endpoint {
        Endpoint(
            method: .get,
            path: "/specs/history",
            name: "listSpecHistory",
            tag: "specs",
            summary: "List the plans that were applied",
            details:
                "Newest first, only plans that changed something of the tenant, and of these only such changes: at most 200 of each "
                + "plan, with the number of others in `omittedChanges`.",
            query: [
                .page,
                QueryParameter("limit", .integer(1...50), "Items per page.", fallback: 20, example: 20),
            ],
            responses: [
                .json(.ok, "A page of plans.", .object(SpecShapes.history), example: SpecShapes.historyExample)
            ],
            handle: .checked { call in
                let (entries, total) = try await HistoryRepository().page(
                    tenant: call.tenant,
                    page: call.page,
                    limit: call.limit,
                    changes: Self.changeLimit,
                    pool: pool
                )
                return call.page(entries.map { $0.json(for: call) }, total: total)
            }
        )
    }

    private var spec: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/spec",
            noun: "campaign",
            name: "getCampaignSpec",
            tag: "specs",
            summary: "Get a campaign as YAML, with the difference to the revision before",
            details:
                "A revision is the content that runs send: message and audience. `revision` is that of the content in force, and "
                + "`difference` shows what it changed since the newest other one: a content that is taken back has its former number. A "
                + "campaign that was neither applied nor launched has no revision.",
            responses: [.json(.ok, "The spec.", .object(SpecShapes.spec), example: SpecShapes.specExample)],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let found = try await pool.withConnection { connection in
                    try await ManagedRepository(kind: .campaign).rows([record.id], tenant: call.tenant, on: connection)
                        .first
                }
                guard let found else { throw Problem.notFound("campaign") }
                let revisions = try await RevisionRepository().latest(2, of: record.id, tenant: call.tenant, pool: pool)
                return .json(Self.json(found, revisions, for: call))
            }
        )
    }

    private static func json(_ row: ManagedRow, _ revisions: [CampaignRevision], for call: APICall) -> JSONValue {
        let (current, previous) = (revisions.first, revisions.dropFirst().first)
        var difference: String?
        if let current, let previous {
            difference = UnifiedPatch.text(
                path: "\(row.identity.name).yaml",
                from: SpecWriter.text(call.hidingPeople(in: previous.content)),
                to: SpecWriter.text(call.hidingPeople(in: current.content))
            )
        }
        return .fields([
            "file": row.content["sourceFile"], "commit": current?.gitCommit.map(JSONValue.string),
            "revision": (current?.number).map(JSONValue.integer),
            "spec": .string(yaml(row.identity.kind, call.hidingPeople(in: row.content))),
            "previousRevision": (previous?.number).map(JSONValue.integer),
            "difference": difference.map(JSONValue.string),
        ])
    }

    /// Writes the content of a row as its spec; one that is no valid spec, such as a campaign of the API with spaces in its name,
    /// field by field.
    private static func yaml(_ kind: SpecKind, _ stored: JSONValue) -> String {
        let content = SpecWriter.own(stored)
        do {
            return try SpecWriter.document(kind, stored: content)
        } catch {
            return "kind: \(kind.rawValue)\n" + SpecWriter.text(content)
        }
    }
}

extension SpecStatus {
    fileprivate func json(tenant: String) -> JSONValue {
        .fields([
            "appliedCommit": applied?.gitCommit.map(JSONValue.string),
            "appliedAt": applied.map { .string($0.appliedAt.apiText) }, "appliedBy": applied.map { .string($0.actor) },
            "environment": environment.map(JSONValue.string),
            "lastAttempt": attempt.map { $0.json(tenant: isOnlyTenant ? nil : tenant) },
            "managed": .array(managed.map(\.json)), "managedCount": .integer(managedCount),
            "unmanaged": .array(
                unmanaged.map { ["kind": .string($0.kind.rawValue), "name": .string($0.name)] }
            ),
            "unmanagedCount": .integer(unmanagedCount),
        ])
    }
}

extension SpecStatus.Managed {
    fileprivate var json: JSONValue {
        .fields([
            "kind": .string(kind.rawValue), "name": .string(name), "file": file.map(JSONValue.string),
            "updatedAt": .string(updatedAt.apiText),
            "drift": drift.isEmpty ? nil : .array(drift.map(JSONValue.string)),
        ])
    }
}

extension AttemptRepository.Record {
    /// Returns the attempt; with a tenant, only with the lines of its reason that name something of this tenant.
    fileprivate func json(tenant: String?) -> JSONValue {
        let detail = tenant.map { tenant in
            reason.split(separator: "\n").filter { $0.names(tenant) }.joined(separator: "\n")
        }
        return .fields([
            "at": .string(lastAt.apiText), "commit": gitCommit.map(JSONValue.string), "outcome": .string(outcome),
            "detail": .string(detail ?? reason), "count": .integer(count), "firstAt": .string(firstAt.apiText),
            "healedAt": healedAt.map { .string($0.apiText) },
        ])
    }
}

extension Substring {
    /// Returns true if a line of a message names a file or a spec of a tenant, such as `acme/offers.yaml:3:5`.
    fileprivate func names(_ tenant: String) -> Bool {
        ranges(of: tenant + "/").contains { range in
            guard range.lowerBound > startIndex else { return true }
            let before = self[index(before: range.lowerBound)]
            return !(before.isLetter || before.isNumber || before == "-" || before == "_" || before == "/")
        }
    }
}

extension HistoryRepository.TenantEntry {
    fileprivate func json(for call: APICall) -> JSONValue {
        .fields([
            "id": .integer(record.id), "at": .string(record.appliedAt.apiText), "actor": .string(record.actor),
            "commit": record.gitCommit.map(JSONValue.string),
            "summary": [
                "created": .integer(record.creates), "changed": .integer(record.updates),
                "deleted": .integer(record.deletes),
            ],
            "plan": call.hidingPeople(in: plan),
        ])
    }
}

/// The shapes of specs.
private enum SpecShapes {
    private static let attempt = ObjectShape(
        "SpecAttempt",
        "An attempt to apply specs that failed.",
        [
            ShapeField("at", .dateTime, isRequired: true, "The last time at which it was tried."),
            ShapeField("commit", .text(0...200), "The commit of the specs."),
            ShapeField("outcome", .choice(["invalid", "refused", "failed"]), isRequired: true, "What came of it."),
            ShapeField("detail", .text(0...10_000), isRequired: true, "Why, for people."),
            ShapeField("count", .count, isRequired: true, "How often it was tried since `firstAt`.", example: 3),
            ShapeField("firstAt", .dateTime, isRequired: true, "The first time at which it was tried."),
            ShapeField("healedAt", .dateTime, "When the specs were valid again; absent if they have not been since."),
        ]
    )

    private static let managed = ObjectShape(
        "ManagedSpec",
        "A row that a spec owns.",
        [
            ShapeField("kind", .choice(SpecKind.self), isRequired: true, "The kind of the spec."),
            ShapeField("name", .text(0...255), isRequired: true, "Its name.", example: "offer"),
            ShapeField("file", .text(0...4_096), "Its file.", example: "acme/offers.yaml"),
            ShapeField("updatedAt", .dateTime, isRequired: true, "When the row was last changed."),
            ShapeField("drift", .list(.text(upTo: 100), count: 1...100), "Fields that were changed by hand."),
        ]
    )

    private static let unmanaged = ObjectShape(
        "UnmanagedRow",
        "A row that no spec owns.",
        [
            ShapeField("kind", .choice(SpecKind.self), isRequired: true, "The kind that its spec would have."),
            ShapeField("name", .text(0...255), isRequired: true, "Its name; empty if it has none."),
        ]
    )

    static let status = ObjectShape(
        "SpecStatus",
        "What is applied from specs.",
        [
            ShapeField("appliedCommit", .text(0...200), "The commit of the last plan that changed something."),
            ShapeField("appliedAt", .dateTime, "When it was applied; absent if none ever was."),
            ShapeField("appliedBy", .text(0...1_000), "Who applied it."),
            ShapeField("environment", .text(0...63), "The environment whose values the specs have."),
            ShapeField("lastAttempt", .object(attempt), "The last attempt that failed; absent if none did."),
            ShapeField("managed", .list(.object(managed), count: 0...1_000), isRequired: true, "Rows of specs."),
            ShapeField("managedCount", .count, isRequired: true, "Number of all rows of specs.", example: 12),
            ShapeField("unmanaged", .list(.object(unmanaged), count: 0...1_000), isRequired: true, "Other rows."),
            ShapeField("unmanagedCount", .count, isRequired: true, "Number of all other rows.", example: 1),
        ]
    )

    static let statusExample: JSONValue = [
        "appliedCommit": "8d0cff1", "appliedAt": "2026-11-20T08:00:00Z", "appliedBy": "jane",
        "environment": "production",
        "managed": [
            [
                "kind": "Campaign", "name": "offer", "file": "acme/offers.yaml", "updatedAt": "2026-11-20T08:00:00Z",
                "drift": ["title"],
            ]
        ], "managedCount": 1, "unmanaged": [["kind": "Campaign", "name": "spring"]], "unmanagedCount": 1,
    ]

    private static let summary = ObjectShape(
        "PlanSummary",
        "The changes of a plan by what they did.",
        [
            ShapeField("created", .count, isRequired: true, "Specs that were created.", example: 2),
            ShapeField("changed", .count, isRequired: true, "Specs that were changed.", example: 1),
            ShapeField("deleted", .count, isRequired: true, "Specs that were deleted.", example: 0),
        ]
    )

    private static let entry = ObjectShape(
        "AppliedPlan",
        "A plan that was applied.",
        [
            ShapeField("id", .integer(1...Int.max), isRequired: true, "Its number.", example: 42),
            ShapeField("at", .dateTime, isRequired: true, "When it was applied."),
            ShapeField("actor", .text(0...1_000), isRequired: true, "Who applied it.", example: "jane"),
            ShapeField("commit", .text(0...200), "The commit of the specs.", example: "8d0cff1"),
            ShapeField("summary", .object(summary), isRequired: true, "Its changes."),
            ShapeField(
                "plan",
                .map(.any, keys: 0...100),
                isRequired: true,
                "The changes of the tenant, as in the JSON of `reconcile`."
            ),
        ]
    )

    static let history = ObjectShape.page(of: entry, "AppliedPlanList", "A page of plans, newest first.")

    static let historyExample: JSONValue = [
        "items": [
            [
                "id": 42, "at": "2026-11-20T08:00:00Z", "actor": "jane", "commit": "8d0cff1",
                "summary": ["created": 1, "changed": 0, "deleted": 0],
                "plan": ["changes": [["action": "create", "kind": "Campaign", "name": "offer"]]],
            ]
        ], "page": 1, "limit": 20, "total": 1,
    ]

    static let spec = ObjectShape(
        "SpecOfCampaign",
        "A campaign as YAML.",
        [
            ShapeField("file", .text(0...4_096), "The file that it comes from; absent if no spec owns it."),
            ShapeField("commit", .text(0...200), "The commit with which the revision was applied."),
            ShapeField("revision", .integer(1...Int(Int32.max)), "Number of the revision in force.", example: 3),
            ShapeField("spec", .text(0...10_000_000), isRequired: true, "The campaign as YAML."),
            ShapeField("previousRevision", .integer(1...Int(Int32.max)), "Number of the newest other one.", example: 2),
            ShapeField("difference", .text(0...10_000_000), "What the revision in force changed, as a unified diff."),
        ]
    )

    static let specExample: JSONValue = [
        "file": "acme/offers.yaml", "commit": "8d0cff1", "revision": 3, "spec": "kind: Campaign\nname: offer\n",
        "previousRevision": 2, "difference": "--- a/offer.yaml\n+++ b/offer.yaml\n",
    ]
}
