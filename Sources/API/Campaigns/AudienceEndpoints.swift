import Foundation
import HTTPTypes
import JSON
import Postgres
import Spec
import Spelling
import Store

/// Looking at audiences and quotas before anything is sent.
struct AudienceEndpoints: Sendable {
    let pool: PostgresPool
    let now: @Sendable () -> Date

    var all: [Endpoint] { [preview, quota] }

    private var preview: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/audience/preview",
            name: "previewAudience",
            tag: "audiences",
            summary: "Count an audience, and check it against the quota",
            query: [
                QueryParameter("sender", .text(upTo: 63), "The sender whose quota counts; by default the only one."),
                QueryParameter("samples", .integer(0...20), "How many recipients to show.", fallback: 5),
            ],
            body: .required(
                .spec(.filter),
                example: ["logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
            ),
            answers: [
                .json(
                    .ok,
                    "The audience.",
                    .object(QuotaShapes.preview),
                    example: [
                        "total": 120, "inWindow": 40, "outOfWindow": 80, "quotaCheck": QuotaShapes.checkExample,
                        "samples": [["phone": "+254•••••••78", "name": "Amina", "isInWindow": true]],
                    ]
                )
            ],
            handle: { call in try await preview(call) }
        )
    }

    private var quota: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/quota",
            name: "getQuota",
            tag: "audiences",
            summary: "Get the 24 h quota of each sender",
            answers: [
                .json(
                    .ok,
                    "The quotas.",
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
            handle: { call in
                let senders = try await SenderRepository(pool: pool).all(tenant: call.tenant)
                let quotas = try await QuotaRepository().status(of: senders, now: now(), on: pool)
                let items = quotas.map { sender, quota in
                    JSONValue.object(
                        quota.fields.merging([
                            "senderId": .string(sender.id.apiText), "sender": .string(sender.name),
                            "phoneNumberId": .string(sender.phoneNumberID), "quotaGroup": .string(sender.quotaGroup),
                        ]) { first, _ in first }
                    )
                }
                return .json(["items": .array(items)])
            }
        )
    }

    private func preview(_ call: APICall) async throws -> APIAnswer {
        let filter: AudienceFilter
        do {
            filter = try AudienceFilter(json: call.body)
        } catch {
            throw Problem.invalid(FieldProblem.all(of: error, below: ""))
        }
        let now = now()
        let audiences = AudienceRepository(pool: pool)
        let sender = try await sender(call)
        let size = try await audiences.size(tenant: call.tenant, filter: filter, now: now)
        let count = call.query["samples"]?.integerValue ?? 0
        let samples =
            count == 0
            ? [] : try await audiences.samples(tenant: call.tenant, filter: filter, now: now, limit: count)
        var check: QuotaCheck?
        if let sender, let status = try await QuotaRepository().status(of: [sender], now: now, on: pool).first {
            check = QuotaCheck(audience: size, quotaStatus: status.quota)
        }
        return .json(
            .fields([
                "total": .integer(size.total), "inWindow": .integer(size.inWindow),
                "outOfWindow": .integer(size.outOfWindow), "quotaCheck": check?.json,
                "samples": .array(samples.map(\.json)),
            ])
        )
    }

    /// The sender that is named, or else the only one.
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
            "phone": .string(Self.masked(contactID)), "name": name.map(JSONValue.string),
            "isInWindow": .bool(isInWindow),
        ])
    }

    /// Country and last digits say enough to recognise a contact one knows, and too little to call one.
    static func masked(_ phone: String) -> String {
        guard phone.count > 8 else { return String(repeating: "•", count: phone.count) }
        return phone.prefix(4) + String(repeating: "•", count: phone.count - 6) + phone.suffix(2)
    }
}
