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
                    ),
                    request
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

    /// Counts an audience.
    ///
    /// - Parameters:
    ///   - call: The request.
    ///   - audience: The audience.
    ///   - message: The message that it gets; `nil` for an audience alone.
    /// - Returns: The answer.
    /// - Throws: `PostgresError`.
    private func answer(
        to call: APICall,
        _ audience: Audience,
        _ message: RenderRequest? = nil
    ) async throws -> APIResponse {
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
        var languages: LanguageCounts?
        if let message { languages = try await AudienceRepository(pool: pool).languages(of: message, now: now) }
        let samples = try await samples(call, audience, now: now, isOptional: found.isEstimate)
        return .json(
            .fields([
                "total": .integer(size.total), "inWindow": .integer(size.inWindow),
                "outOfWindow": .integer(size.outOfWindow), "unreachable": .integer(size.unreachable),
                "isEstimate": found.isEstimate ? true : nil, "leftOut": size.leftOut.json,
                "funnel": AudienceFunnel(found.contacts, size, audience.category).json,
                "quotaCheck": check?.json, "cost": cost?.json, "languages": languages?.json,
                "samples": .array(samples.map(\.json)),
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
