import AccessTokens
import Foundation
import HTTPTypes
import JSON
import Postgres
import Spec
import Spelling
import Store

/// Previews of audiences, and the 24-hour quotas of senders.
struct AudienceEndpoints: Sendable {
    let pool: PostgresPool
    let gate: PreviewGate
    let now: @Sendable () -> Date

    var all: [Endpoint] { [preview, stored, quota] }

    private static let samples = QueryParameter(
        "samples",
        .integer(0...20),
        "Number of recipients to show.",
        fallback: 5
    )

    private var preview: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/audience/preview",
            name: "previewAudience",
            tag: "audiences",
            summary: "Count an audience and compare it with the quota",
            details:
                "What takes longer than two seconds to count is estimated from a part of the contacts: `isEstimate` is true then, "
                + "and the numbers have three digits. A tenant has two previews at once. Without the scope `contacts`, a filter must "
                + "not ask for what is hidden.",
            access: .token(.read),
            query: [
                QueryParameter(
                    "sender",
                    .text(upTo: 63),
                    "Name of the sender whose quota and 24 hour window count; by default the only sender. Of several senders "
                        + "without a name, a message to any of their numbers opens the window."
                ),
                QueryParameter(
                    "freeText",
                    .bool,
                    "True to count only contacts that free text reaches: those in their window.",
                    fallback: false
                ),
                QueryParameter(
                    "category",
                    .choice(TemplateSpec.Category.self),
                    "Category of the template: contacts who stopped marketing messages get the others, and authentication "
                        + "templates need a phone number.",
                    fallback: .string(TemplateSpec.Category.marketing.rawValue)
                ),
                Self.samples,
            ],
            body: .required(
                .spec(.filter),
                example: ["logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
            ),
            responses: [.json(.ok, "The audience.", .object(QuotaShapes.preview), example: QuotaShapes.previewExample)],
            statementLimit: gate.statementLimit,
            ifSlow: PreviewGate.ifSlow,
            handle: .checked { call in
                try gate.enter(call.tenant)
                defer { gate.leave(call.tenant) }
                return try await preview(call)
            }
        )
    }

    private var stored: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/audience",
            noun: "campaign",
            name: "countAudience",
            tag: "audiences",
            summary: "Count the audience of a campaign as a launch now would",
            details:
                "The filter, sender, category and message are those that are stored, so that it may be called without the scope "
                + "`contacts`, whatever the filter compares.",
            query: [Self.samples],
            responses: [.json(.ok, "The audience.", .object(QuotaShapes.preview), example: QuotaShapes.previewExample)],
            problems: [.notReady],
            statementLimit: gate.statementLimit,
            ifSlow: PreviewGate.ifSlow,
            handle: .checked { call in
                try gate.enter(call.tenant)
                defer { gate.leave(call.tenant) }
                guard
                    let found = try await AudienceRepository(pool: pool).renderRequest(
                        of: try call.id(),
                        tenant: call.tenant
                    )
                else { throw Problem.notFound("campaign") }
                let request = found.request
                let sender = try await SenderRepository(pool: pool).all(tenant: call.tenant)
                    .first { $0.id == found.sender }
                return try await answer(
                    to: call,
                    Audience(
                        filter: request.filter,
                        category: request.category,
                        isFreeText: request.isFreeText,
                        number: request.number,
                        sender: sender
                    )
                )
            }
        )
    }

    private var quota: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/quota",
            name: "getQuota",
            tag: "audiences",
            summary: "Get the 24-hour quota of each sender",
            responses: [
                .json(
                    .ok,
                    "The quotas of all senders.",
                    .object(QuotaShapes.list),
                    example: [
                        "items": [
                            [
                                "senderId": "5f1f2c1e-9a53-4a3f-8f1e-2d6c0c5b7a10", "sender": "main",
                                "phoneNumberId": "106540352242922", "quotaGroup": "106540352242922",
                                "businessSent24h": 120, "tierLimit": 1_000, "remaining": 880, "tier": 1,
                            ]
                        ]
                    ]
                )
            ],
            handle: .checked { call in
                let senders = try await SenderRepository(pool: pool).all(tenant: call.tenant)
                let quotas = try await QuotaRepository().status(of: senders, now: now(), on: pool)
                let items = quotas.map { sender, quota in
                    JSONValue.object(
                        quota.fields.merging([
                            "senderId": .string(sender.id.apiText), "sender": .string(sender.name),
                            "phoneNumberId": .string(sender.phoneNumberID), "quotaGroup": .string(sender.quotaName),
                        ]) { first, _ in first }
                    )
                }
                return .json(["items": .array(items)])
            }
        )
    }

    private func preview(_ call: APICall) async throws -> APIResponse {
        let filter: AudienceFilter
        do {
            filter = try AudienceFilter(json: call.body)
        } catch {
            throw Problem.invalid(FieldProblem.all(of: error, below: ""))
        }
        try ContactMask.check(filter, for: call.caller)
        let sender = try await sender(call)
        let isFreeText = call.query["freeText"] == true
        let category = call.text("category").flatMap(TemplateSpec.Category.init(rawValue:))
        var number: String?
        if let sender { number = try await AudienceRepository(pool: pool).windowNumber(of: sender.id) }
        return try await answer(
            to: call,
            Audience(
                filter: filter,
                category: isFreeText ? .marketing : category ?? .marketing,
                isFreeText: isFreeText,
                number: number,
                sender: sender
            )
        )
    }

    /// The facts by which contacts become recipients, and the sender whose quota counts.
    private struct Audience {
        let filter: AudienceFilter
        let category: TemplateSpec.Category
        let isFreeText: Bool
        let number: String?
        let sender: SenderRecord?
    }

    private func answer(to call: APICall, _ audience: Audience) async throws -> APIResponse {
        let now = now()
        let found = try await AudienceRepository(pool: pool).count(
            tenant: call.tenant,
            filter: audience.filter,
            category: audience.category,
            number: audience.number,
            now: now
        )
        let size = found.size.reached(byFreeText: audience.isFreeText)
        var check: QuotaCheck?
        if let sender = audience.sender,
            let status = try await QuotaRepository().status(of: [sender], now: now, on: pool).first
        {
            check = QuotaCheck(audience: size, quotaStatus: status.quota)
        }
        let cost = found.cost(of: audience.category, isFreeText: audience.isFreeText, at: now)
        let samples = try await samples(call, audience, now: now, isOptional: found.isEstimate)
        return .json(
            .fields([
                "total": .integer(size.total), "inWindow": .integer(size.inWindow),
                "outOfWindow": .integer(size.outOfWindow), "unreachable": .integer(size.unreachable),
                "isEstimate": found.isEstimate ? true : nil, "leftOut": size.leftOut.json,
                "funnel": AudienceFunnel(found.contacts, size, audience.category).json,
                "quotaCheck": check?.json, "cost": cost?.json, "samples": .array(samples.map(\.json)),
            ])
        )
    }

    /// Returns the first recipients; none if they are optional, and cannot be found in time.
    private func samples(
        _ call: APICall,
        _ audience: Audience,
        now: Date,
        isOptional: Bool
    ) async throws -> [AudienceSample] {
        let count = call.query["samples"]?.integerValue ?? 0
        guard count > 0 else { return [] }
        do {
            return try await AudienceRepository(pool: pool).samples(
                tenant: call.tenant,
                filter: audience.filter,
                category: audience.category,
                isFreeText: audience.isFreeText,
                number: audience.number,
                now: now,
                limit: count
            )
        } catch PostgresError.timeout where isOptional {
            // The numbers of a large audience help without them.
            return []
        }
    }

    /// Returns the sender that the request names, or else the only one.
    private func sender(_ call: APICall) async throws -> SenderRecord? {
        let all = try await SenderRepository(pool: pool).all(tenant: call.tenant)
        guard let name = call.text("sender") else { return all.count == 1 ? all[0] : nil }
        guard let sender = all.first(where: { $0.name == name }) else {
            let help = SpellingSuggestion.help(for: name, among: all.map(\.name), what: "its senders are")
            throw Problem.parameter("sender", "the tenant has no such sender" + (help.map { "; \($0)" } ?? ""))
        }
        return sender
    }
}

extension AudienceSample {
    var json: JSONValue {
        .fields([
            "phone": .string(ContactMask.hidden(contactID)), "name": name.map(JSONValue.string),
            "isInWindow": .bool(isInWindow),
        ])
    }
}

/// Contacts that are left out of an audience, in answers.
enum LeftOutShapes {
    static let leftOut = ObjectShape(
        "LeftOut",
        "Contacts within a filter that get no message, by the first reason that applies. Reasons without contacts are left out.",
        LeftOut.Reason.allCases.map { reason in
            ShapeField(reason.rawValue, .count, "Contacts that are left out: \(reason.words).", example: 12)
        }
    )

    static let funnel = ObjectShape(
        "AudienceFunnel",
        "The steps from all contacts of a tenant to the recipients; each is a part of the one before.",
        [
            ShapeField("contacts", .count, isRequired: true, "All contacts.", example: 1_000),
            ShapeField("active", .count, isRequired: true, "Contacts that are not deactivated.", example: 990),
            ShapeField("optedIn", .count, isRequired: true, "Contacts that agreed to get messages.", example: 900),
            ShapeField(
                "notSuppressed",
                .count,
                isRequired: true,
                "Contacts that have not opted out of such messages.",
                example: 890
            ),
            ShapeField("inAudience", .count, isRequired: true, "Contacts within the filter.", example: 120),
            ShapeField("reachable", .count, isRequired: true, "Contacts that the message can reach.", example: 120),
        ]
    )

    static let example: JSONValue = ["optedOut": 12, "marketingStopped": 3]
    static let funnelExample: JSONValue = [
        "contacts": 1_000, "active": 990, "optedIn": 900, "notSuppressed": 890, "inAudience": 120, "reachable": 120,
    ]
}

/// Quotas and audiences in answers.
enum QuotaShapes {
    private static let statusFields = [
        ShapeField(
            "businessSent24h",
            .sum,
            isRequired: true,
            "Business-initiated messages within 24 hours.",
            example: 120
        ),
        ShapeField(
            "tierLimit",
            .nullable(.count),
            isRequired: true,
            "Limit; null if there is none.",
            example: 1_000
        ),
        ShapeField(
            "remaining",
            .nullable(.count),
            isRequired: true,
            "Messages left; null if there is no limit.",
            example: 880
        ),
        ShapeField(
            "tier",
            .nullable(.integer(1...4)),
            isRequired: true,
            "Tier 1 to 4; null if the sender has a limit of its own.",
            example: 1
        ),
    ]

    static let status = ObjectShape(
        "QuotaStatus",
        "The 24-hour quota of a quota group, counted over the current hour and the 24 before it.",
        statusFields
    )

    static let check = ObjectShape(
        "QuotaCheck",
        "Comparison of an audience with a quota.",
        [
            ShapeField(
                "canProceed",
                .bool,
                isRequired: true,
                "False if not a single message can be sent.",
                example: true
            ),
            ShapeField("warning", .text(0...1_000), "Why only a part can be sent."),
            ShapeField("quotaStatus", .object(status), isRequired: true, "State of the quota."),
        ]
    )

    static let sender = ObjectShape(
        "SenderQuota",
        "The quota of a sender; senders of one quota group share it.",
        [
            ShapeField("senderId", .uuid, isRequired: true, "Id of the sender."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "Name of the sender.", example: "main"),
            ShapeField("phoneNumberId", .text(0...100), isRequired: true, "Id of the phone number at WhatsApp."),
            ShapeField(
                "quotaGroup",
                .text(0...100),
                isRequired: true,
                "Name of the tenant's group that shares the quota."
            ),
        ] + statusFields
    )

    static let list = ObjectShape(
        "SenderQuotaList",
        "Quotas of all senders of the tenant.",
        [
            ShapeField(
                "items",
                .list(.object(sender), count: 0...10_000),
                isRequired: true,
                "Senders in the order of their names."
            )
        ]
    )

    static let sample = ObjectShape(
        "AudienceSample",
        "A recipient with a masked phone number.",
        [
            ShapeField(
                "phone",
                .text(0...ContactRules.longestID),
                isRequired: true,
                "Phone number with its middle digits hidden."
            ),
            ShapeField("name", .text(0...255), "Name of the contact."),
            ShapeField("isInWindow", .bool, isRequired: true, "True if the contact wrote within the last 24 hours."),
        ]
    )

    static let preview = ObjectShape(
        "AudiencePreview",
        "Recipients of an audience at this moment.",
        [
            ShapeField("total", .count, isRequired: true, "Number of recipients."),
            ShapeField(
                "inWindow",
                .count,
                isRequired: true,
                "Recipients who wrote within 24 hours: messages to them are free."
            ),
            ShapeField(
                "outOfWindow",
                .count,
                isRequired: true,
                "Other recipients: each takes one message of the quota."
            ),
            ShapeField(
                "unreachable",
                .count,
                isRequired: true,
                "With `freeText`, contacts that are left out because free text cannot reach them."
            ),
            ShapeField(
                "isEstimate",
                .bool,
                "True if counting took too long, and the numbers are scaled up from a part of the contacts."
            ),
            ShapeField(
                "leftOut",
                .object(LeftOutShapes.leftOut),
                isRequired: true,
                "Contacts within the filter that get no message, by the first reason that applies."
            ),
            ShapeField(
                "funnel",
                .object(LeftOutShapes.funnel),
                isRequired: true,
                "The steps from all contacts of the tenant to the recipients."
            ),
            ShapeField(
                "quotaCheck",
                .object(check),
                "Comparison with the quota of the sender; absent if the tenant has several senders and none was named."
            ),
            ShapeField(
                "cost",
                .object(CostShapes.estimate),
                "The costs of a launch now, estimated from a part of the contacts if there are many; absent without prices."
            ),
            ShapeField("samples", .list(.object(sample), count: 0...20), isRequired: true, "Some of the recipients."),
        ]
    )

    static let previewExample: JSONValue = [
        "total": 120, "inWindow": 40, "outOfWindow": 80, "unreachable": 0, "leftOut": LeftOutShapes.example,
        "funnel": LeftOutShapes.funnelExample, "quotaCheck": checkExample,
        "samples": [["phone": "+254•••••••78", "name": "Amina", "isInWindow": true]],
    ]

    static let statusExample: JSONValue = ["businessSent24h": 120, "tierLimit": 1_000, "remaining": 880, "tier": 1]
    static let checkExample: JSONValue = ["canProceed": true, "quotaStatus": statusExample]
}

extension QuotaStatus {
    var fields: [String: JSONValue] {
        [
            "businessSent24h": .integer(businessSent24h), "tierLimit": tierLimit.map(JSONValue.integer) ?? .null,
            "remaining": remaining.map(JSONValue.integer) ?? .null, "tier": tier.map(JSONValue.integer) ?? .null,
        ]
    }
}

extension QuotaCheck {
    var json: JSONValue {
        .fields([
            "canProceed": .bool(canProceed), "warning": warning.map(JSONValue.string),
            "quotaStatus": .object(quotaStatus.fields),
        ])
    }
}
