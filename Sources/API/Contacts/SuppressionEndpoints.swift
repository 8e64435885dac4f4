import Foundation
import HTTPTypes
import Hummingbird
package import JSON
import Spec
package import Store

/// People who opted out of messages, whether they are contacts or not.
struct SuppressionEndpoints: Sendable {
    let consents: ConsentRepository

    var all: [Endpoint] { [list, find, suppress, unsuppress] }

    private static let path = "/suppressions/{contactId}"
    private static let pathShapes = ["contactId": Shape.text(upTo: ContactRules.longestID)]

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/suppressions",
            name: "listSuppressions",
            tag: "contacts",
            summary: "List the people who opted out, in the order of their ids",
            query: [.page, .limit],
            responses: [
                .json(
                    .ok,
                    "A page of suppressions.",
                    .object(SuppressionShapes.list),
                    example: ["items": [SuppressionShapes.example], "page": 1, "limit": 20, "total": 1]
                )
            ],
            handle: .checked { call in
                let (found, total) = try await consents.list(tenant: call.tenant, page: call.page, limit: call.limit)
                return call.page(found.map { $0.json(for: call) }, total: total)
            }
        )
    }

    private var find: Endpoint {
        Endpoint(
            method: .get,
            path: Self.path,
            name: "getConsent",
            tag: "contacts",
            summary: "Get what was said about the consent of a person",
            details: "Answers 404 if nothing was ever said.",
            pathShapes: Self.pathShapes,
            responses: [
                .json(
                    .ok,
                    "The consent.",
                    .object(SuppressionShapes.consent),
                    example: SuppressionShapes.consentExample
                )
            ],
            handle: .checked { call in
                let id = try Self.id(call)
                let suppression = try await consents.find(id, tenant: call.tenant)
                let history = try await consents.history(of: id, tenant: call.tenant).changes
                guard suppression != nil || !history.isEmpty else { throw Problem.notFound("suppression") }
                return .json(
                    .fields([
                        "contactId": .string(call.shown(suppression?.key ?? id)),
                        "level": suppression.map { .string($0.level.rawValue) },
                        "history": .array(history.map(\.json)),
                    ])
                )
            }
        )
    }

    private var suppress: Endpoint {
        Endpoint(
            method: .put,
            path: Self.path,
            name: "suppress",
            tag: "contacts",
            summary: "Opt a person out, also one who is no contact",
            details: "From then on the person gets no message of the level, until something later opts the person in.",
            pathShapes: Self.pathShapes,
            body: .optional(.object(SuppressionShapes.request), example: ["level": "all", "reason": "wrote a letter"]),
            responses: [
                .json(
                    .ok,
                    "The suppression.",
                    .object(SuppressionShapes.suppression),
                    example: SuppressionShapes.example
                )
            ],
            problems: [.stateConflict],
            handle: .checked { call in
                let id = try Self.id(call)
                let level = call.body["level"]?.stringValue.flatMap(ConsentLevel.init(rawValue:)) ?? .all
                let reason = call.body["reason"]?.stringValue
                try await consents.record([Self.statement(call, id, level, isOptedIn: false, reason: reason)])
                guard let record = try await consents.find(id, tenant: call.tenant) else {
                    throw Problem(.stateConflict, "the person was opted in at the same time")
                }
                return .json(record.json(for: call))
            }
        )
    }

    private var unsuppress: Endpoint {
        Endpoint(
            method: .delete,
            path: Self.path,
            name: "unsuppress",
            tag: "contacts",
            summary: "Opt a person in again who has agreed",
            details: "`reason` is needed, because it undoes what the person said.",
            pathShapes: Self.pathShapes,
            query: [
                QueryParameter("reason", .text(upTo: 1_000), "How the person agreed.", example: "signed a form"),
                QueryParameter(
                    "level",
                    .choice(ConsentLevel.self),
                    "The messages that the person agreed to.",
                    fallback: .string(ConsentLevel.all.rawValue)
                ),
            ],
            responses: [Endpoint.ResponseShape(status: .noContent, description: "Opted in.")],
            handle: .checked { call in
                let id = try Self.id(call)
                guard let reason = call.text("reason") else {
                    throw Problem.parameter("reason", "is missing; say how the person agreed")
                }
                guard try await consents.hasOptedOut(id, tenant: call.tenant) else {
                    throw Problem.notFound("suppression")
                }
                let level = call.text("level").flatMap(ConsentLevel.init(rawValue:)) ?? .all
                try await consents.record([Self.statement(call, id, level, isOptedIn: true, reason: reason)])
                return .noContent
            }
        )
    }

    private static func id(_ call: APICall) throws(Problem) -> String {
        let text = call.context.parameters.get("contactId")?.removingPercentEncoding ?? ""
        do {
            return try PhoneNumberReader().readID(text)
        } catch {
            throw .parameter("contactId", error.description)
        }
    }

    private static func statement(
        _ call: APICall,
        _ id: String,
        _ level: ConsentLevel,
        isOptedIn: Bool,
        reason: String?
    ) -> ConsentStatement {
        ConsentStatement(
            tenantID: call.tenant,
            ids: [id],
            level,
            isOptedIn: isOptedIn,
            source: .api,
            actor: call.actor,
            reason: reason
        )
    }
}

/// Suppressions in requests and answers.
private enum SuppressionShapes {
    private static let contactID = ShapeField(
        "contactId",
        .text(0...1_000),
        isRequired: true,
        "The id in its one form: a phone number has digits only, without those that WhatsApp leaves out.",
        example: "254712345678"
    )
    private static let level = Shape.choice(ConsentLevel.self)
    private static let source = ShapeField(
        "source",
        .text(0...20),
        "How it came in: \(ConsentSource.allCases.map(\.rawValue).joined(separator: ", ")), or earlier.",
        example: "message"
    )
    private static let actor = ShapeField(
        "actor",
        .text(0...300),
        "Who said it for the person; absent if the person did."
    )
    private static let reason = ShapeField("reason", .text(0...1_000), "The reason, for people.")

    static let suppression = ObjectShape(
        "Suppression",
        "A person who opted out.",
        [
            contactID,
            ShapeField("level", level, isRequired: true, "The messages that the person does not get.", example: "all"),
            ShapeField("since", .dateTime, isRequired: true, "When the person opted out."),
            source, actor, reason,
        ]
    )

    static let change = ObjectShape(
        "ConsentChange",
        "A statement about the consent of a person.",
        [
            ShapeField("level", level, isRequired: true, "The messages that it is about.", example: "all"),
            ShapeField("isOptedIn", .bool, isRequired: true, "True if it gives consent.", example: false),
            source, actor, reason,
            ShapeField("at", .dateTime, isRequired: true, "When it was said."),
        ]
    )

    static let consent = ObjectShape(
        "Consent",
        "The consent of a person.",
        [
            contactID,
            ShapeField("level", level, "The messages that the person does not get; absent if there are none."),
            ShapeField(
                "history",
                .list(.object(change), count: 0...1_000),
                isRequired: true,
                "What was said, newest first."
            ),
        ]
    )

    static let request = ObjectShape(
        "SuppressionRequest",
        "What the person is not to get.",
        [
            ShapeField("level", level, "The messages that the person is not to get; by default all.", example: "all"),
            ShapeField("reason", .text(upTo: 1_000), "The reason, for the history.", example: "wrote a letter"),
        ]
    )

    static let example: JSONValue = [
        "contactId": "254712345678", "level": "all", "since": "2026-11-20T08:00:00Z", "source": "api",
        "actor": "api:jane@example.com", "reason": "wrote a letter",
    ]

    static let consentExample: JSONValue = [
        "contactId": "254712345678", "level": "all",
        "history": [["level": "all", "isOptedIn": false, "source": "message", "at": "2026-11-20T08:00:00Z"]],
    ]

    static let list = ObjectShape.page(of: suppression, "SuppressionList", "A page of suppressions.")
}

extension SuppressionRecord {
    fileprivate func json(for call: APICall) -> JSONValue {
        var fields = json.objectValue ?? [:]
        fields["contactId"] = .string(call.shown(key))
        return .object(fields)
    }

    package var json: JSONValue {
        .fields([
            "contactId": .string(key), "level": .string(level.rawValue), "since": .string(since.apiText),
            "source": source.map(JSONValue.string), "actor": actor.map { .string($0.description) },
            "reason": reason.map(JSONValue.string),
        ])
    }
}

extension ConsentChange {
    package var json: JSONValue {
        .fields([
            "level": .string(level.rawValue), "isOptedIn": .bool(isOptedIn), "source": .string(source),
            "actor": actor.map { .string($0.description) }, "reason": reason.map(JSONValue.string),
            "at": .string(at.apiText),
        ])
    }
}
