import Crypto
import Foundation
import JSON
import Postgres
import ServiceLifecycle
import Spec
import Store
import TestSupport
import Testing

@testable import API
@testable import Runtime

/// `POST /triggers/{event}`, and campaigns that wait for events.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct TriggerHookTests {
    private static let path = "/triggers/payment.overdue"

    private static func phone(_ number: Int) -> String { "+25471" + String(1_000_000 + number) }

    private static func event(_ number: Int = 1, _ fields: [String: JSONValue] = [:]) -> JSONValue {
        .object(["contactId": .string(phone(number))].merging(fields) { _, new in new })
    }

    private static func reasons(_ answer: JSONValue) -> [String?] {
        answer["refused"]?.arrayValue?.map { $0["reason"]?.stringValue } ?? []
    }

    /// A campaign of the API that waits for `payment.overdue`.
    private static func activate(_ api: APIFixture, _ changes: [String: JSONValue] = [:]) async throws -> String {
        let fields: [String: JSONValue] = ["type": "event_triggered", "triggerType": "payment.overdue"]
        let id = try await api.campaign("overdue", fields.merging(changes) { _, new in new })
        let reply = try await api.call("POST", "/campaigns/\(id)/send")
        #expect(reply.status == 202, "\(reply.text)")
        return id
    }

    private static func sign(
        _ body: String,
        tenant: String = "acme",
        event: String = "payment.overdue",
        secret: String = APIFixture.triggerSecret,
        at time: Int = Int(Date().timeIntervalSince1970)
    ) -> [String: String] {
        let signed = Data("\(time).\(tenant).\(event).\(body)".utf8)
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: Data(secret.utf8)))
        let hex = code.map { String(format: "%02x", $0) }.joined()
        return [
            "Content-Type": "application/json", "X-Campaigns-Tenant": tenant,
            "X-Campaigns-Signature": "t=\(time),v1=\(hex)",
        ]
    }

    private static func messages(_ api: APIFixture) async throws -> Int {
        try await api.pool.query("SELECT count(*) FROM campaign_messages")[0].decode(0)
    }

    @Test func sendsTheCampaignThatWaitsForTheEvent() async throws {
        try await APIFixture.with(contacts: 3) { api in
            #expect(try await api.call("POST", Self.path, Self.event()).json["matched"] == [])
            let id = try await Self.activate(api, ["triggerConfig": ["plan": "premium"]])
            #expect(try await api.status(id) == "running")
            let reply = try await api.call("POST", Self.path, Self.event(1, ["context": ["plan": "premium"]]))
            #expect(reply.status == 202, "\(reply.text)")
            #expect(reply.json["matched"]?[0]?["campaignId"] == .string(id))
            #expect(
                try await api.call("POST", Self.path, Self.event(1, ["context": ["plan": "basic"]])).json["matched"]
                    == []
            )
            #expect(try await Self.messages(api) == 1)
            #expect(try await api.status(id) == "running")
            // A cancelled campaign gets no more messages.
            #expect(try await api.call("POST", "/campaigns/\(id)/cancel").status == 200)
            #expect(
                try await api.call("POST", Self.path, Self.event(2, ["context": ["plan": "premium"]])).json["matched"]
                    == []
            )
        }
    }

    @Test(arguments: [
        "+254 711 000-001", "00254711000001", "254711000001", "+254 (0) 711 000 001", "\u{200E}+254711000001",
    ])
    func findsContactsHoweverTheirNumberIsWritten(number: String) async throws {
        try await APIFixture.with(contacts: 1) { api in
            _ = try await Self.activate(api)
            let reply = try await api.call("POST", Self.path, ["contactId": .string(number)])
            #expect(reply.json["matched"]?.arrayValue?.count == 1, "\(reply.text)")
        }
    }

    @Test func answersAListWithAList() async throws {
        try await APIFixture.with(contacts: 3) { api in
            _ = try await Self.activate(api)
            let list: JSONValue = [Self.event(1), ["contactId": "nobody"], Self.event(2)]
            let reply = try await api.call("POST", Self.path, list)
            let answers = try #require(reply.json.arrayValue)
            #expect(answers.map { $0["matched"]?.arrayValue?.count } == [1, 0, 1])
            #expect(Self.reasons(answers[1]) == ["no_contact"])
        }
    }

    @Test func refusesSignedEventsOfOtherCells() async throws {
        try await APIFixture.with(contacts: 1, holds: { $0 == "other" }) { api in
            let body = Self.event().canonicalText
            let signed = try await api.send("POST", Self.path, body, headers: Self.sign(body))
            #expect(signed.status == 403 && signed.text.contains("lies in another cell"), "\(signed.text)")
            let events = try await api.pool.query("SELECT count(*) FROM trigger_events")
            #expect(try events[0].decode(0, as: Int.self) == 0)
        }
    }

    @Test func limitsTheEventsOfATenant() async throws {
        try await APIFixture.with(contacts: 3, requestsPerSecond: 1, eventsPerSecond: 2) { api in
            // A list counts as its number of events and is admitted as a whole; requests have a limit of their own.
            let batch = try await api.call("POST", Self.path, .array((1...20).map { Self.event($0) }))
            #expect((batch.status, batch.json.arrayValue?.count) == (202, 20), "\(batch.text)")
            let refused = try await api.call("POST", Self.path, Self.event())
            #expect((refused.status, refused.code) == (429, "too_many_requests"), "\(refused.text)")
            #expect(refused.header("Retry-After").flatMap { Int($0) }.map { (5...10).contains($0) } == true)
            let body = Self.event().canonicalText
            let signed = try await api.send("POST", Self.path, body, headers: Self.sign(body))
            #expect(signed.status == 429, "a signature is no way around")
            #expect(try await api.call("GET", "/campaigns").status == 200)
            #expect(try await api.call("POST", Self.path, Self.event(), tenant: "other").status == 202)
            let events = try await api.pool.query("SELECT count(*) FROM trigger_events WHERE \"tenantId\" = 'acme'")
            #expect(try events[0].decode(0, as: Int.self) == 20)
        }
    }

    @Test func answersRepeatedEventsAlikeAndSendsNothing() async throws {
        try await APIFixture.with(contacts: 3) { api in
            _ = try await Self.activate(api)
            let named = Self.event(1, ["eventId": "invoice-1"])
            let first = try await api.call("POST", Self.path, named)
            #expect(try await api.call("POST", Self.path, named).text == first.text)
            let list: JSONValue = [Self.event(2), Self.event(2)]
            let keyed = try await api.call("POST", Self.path, list, headers: ["Idempotency-Key": "k1"])
            let again = try await api.call("POST", Self.path, list, headers: ["Idempotency-Key": "k1"])
            #expect(keyed.text == again.text)
            #expect(keyed.json[0]?["eventId"] == nil, "the caller gave it no name")
            #expect(try await Self.messages(api) == 3)
            let reused = try await api.call("POST", Self.path, Self.event(3, ["eventId": "invoice-1"]))
            #expect(Self.reasons(reused.json) == ["event_id_reused"])
        }
    }

    @Test func acceptsSignedRequestsWithoutAToken() async throws {
        try await APIFixture.with(contacts: 3) { api in
            _ = try await Self.activate(api)
            let body = Self.event().canonicalText
            let now = Int(Date().timeIntervalSince1970)
            let headers = Self.sign(body, at: now)
            let first = try await api.send("POST", Self.path, body, headers: headers)
            #expect(first.status == 202, "\(first.text)")
            // This request is a replay.
            #expect(try await api.send("POST", Self.path, body, headers: headers).text == first.text)
            #expect(try await Self.messages(api) == 1)
        }
    }

    @Test func refusesForgedSignatures() async throws {
        try await APIFixture.with(contacts: 3) { api in
            _ = try await Self.activate(api)
            let body = Self.event().canonicalText
            let now = Int(Date().timeIntervalSince1970)
            var other = Self.sign(body)
            other["X-Campaigns-Tenant"] = "other"
            var half = Self.sign(body)
            half["X-Campaigns-Signature"] = half["X-Campaigns-Signature"].map { String($0.dropLast(2)) }
            let attacks: [(String, [String: String])] = [
                ("another secret", Self.sign(body, secret: String(repeating: "x", count: 40))),
                ("another body", Self.sign(body + " ")), ("another event", Self.sign(body, event: "payment.received")),
                ("old", Self.sign(body, at: now - 301)), ("from the future", Self.sign(body, at: now + 310)),
                ("a tenant without a secret", Self.sign(body, tenant: "other")), ("another tenant", other),
                ("half", half), ("nonsense", ["X-Campaigns-Tenant": "acme", "X-Campaigns-Signature": "v1=zz"]),
            ]
            for (name, headers) in attacks {
                let reply = try await api.send("POST", Self.path, body, headers: headers)
                #expect(reply.status == 401, "\(name): \(reply.text)")
            }
            #expect(try await Self.messages(api) == 0)
        }
    }

    @Test func explainsWrongRequests() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let unknown = try await api.call("POST", Self.path, Self.event(1, ["contextt": [:]]))
            #expect(unknown.status == 422)
            #expect(unknown.error("contextt")?.contains("`context`") == true, "\(unknown.text)")
            #expect(try await api.call("POST", Self.path, []).error("") == "has 0 items, not 1 to 1000")
            #expect(try await api.call("POST", Self.path, [["contactId": 7]]).error("[0].contactId") != nil)
            let text = try await api.call("POST", Self.path, "x")
            #expect(text.error("") == "expected a list or an object, found a text")
            #expect(try await api.call("POST", Self.path, ["contactId": 7]).error("contactId") != nil)
            #expect(try await api.call("POST", "/triggers/no%20event", Self.event()).code == "invalid_parameter")
            #expect(
                try await api.call(
                    "POST",
                    Self.path,
                    Self.event(),
                    headers: ["Idempotency-Key": String(repeating: "k", count: 201)]
                )
                .code == "invalid_parameter"
            )
            #expect(try await api.send("POST", Self.path, "{}", headers: [:]).status == 401)
        }
    }

    @Test func storesTheOtherEventsIfOneCannotBeStored() async throws {
        try await APIFixture.with(contacts: 3) { api in
            _ = try await Self.activate(api)
            let triggers = TriggerService(triggers: TriggerRepository(pool: api.pool), logger: TestDatabase.logger)
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: triggers)], logger: TestDatabase.logger)
            )
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await group.run() }
                let stored = await withTaskGroup(of: (isGood: Bool, isStored: Bool).self) { events in
                    for number in 0..<60 {
                        events.addTask {
                            let isGood = number % 3 > 0
                            let context: JSONValue = ["text": .string(isGood ? "fine" : "\0")]
                            let request = TriggerRequest(contactID: Self.phone(1), context: context)
                            let answer = try? await triggers.fire("payment.overdue", request, tenant: "acme")
                            return (isGood, answer != nil)
                        }
                    }
                    return await events.reduce(into: []) { $0.append($1) }
                }
                #expect(stored.allSatisfy { $0.isGood == $0.isStored })
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(try await Self.messages(api) == 40)
        }
    }

    @Test func findsNoContactsOfOtherTenants() async throws {
        try await APIFixture.with(contacts: 1) { api in
            _ = try await Self.activate(api)
            let reply = try await api.call("POST", Self.path, Self.event(), tenant: "other")
            #expect(reply.json["matched"] == [])
            #expect(try await Self.messages(api) == 0)
        }
    }
}
