import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Erasing a person while a whole daemon sends to them, at each moment of a message; then nothing is found in a dump of Postgres
/// and in all keys of Redis.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ErasureDeliveryTests {
    /// The moment of the message at which its recipient is erased.
    enum Moment: String, CaseIterable, Sendable {
        /// Written, and the daemon has not begun.
        case pending
        /// In the lane in Redis.
        case queued
        /// The request is written, and its answer is outstanding.
        case sending
        case unconfirmed
        /// Waits for its second attempt.
        case retry
        case sent

        var faults: SimulatorFaults {
            var faults = SimulatorFaults()
            switch self {
            case .pending, .queued, .sent: break
            case .sending: faults.latency = .init(minimumMilliseconds: 4_000, maximumMilliseconds: 4_000)
            case .unconfirmed: faults.lostAnswers.share = 1
            case .retry: faults.recipientErrors = [Person.phone: 131_000]
            }
            return faults
        }

        /// The statuses in which the message may end.
        var ends: [String] {
            switch self {
            case .pending, .queued, .retry: ["cancelled"]
            case .sending, .sent: ["sent", "delivered", "read"]
            case .unconfirmed: ["unconfirmed", "sent", "delivered", "read"]
            }
        }

        /// True for a message, as `m`, at this moment.
        var condition: PostgresQuery {
            switch self {
            case .pending: "m.status = 'pending'"
            case .queued: "m.status = 'queued'"
            case .sending: "m.status = 'sending'"
            case .unconfirmed: "m.status = 'unconfirmed'"
            case .retry: "m.status = 'queued' AND m.attempts = 1"
            case .sent: "m.status IN ('sent', 'delivered', 'read')"
            }
        }
    }

    /// A person whose values are found nowhere by accident.
    private enum Person {
        static let digits = "5511987654321"
        static let phone = "+" + digits
        /// As WhatsApp rewrites it.
        static let waID = "551187654321"
        static let userID = "BR.90817263544"
        static let texts = [
            "Zuleika Quicktrace", "zuleika@quicktrace.example", "plan-quicktrace", "text-quicktrace", userID,
        ]

        /// All forms in which a trace may stand, in small letters: as text, in hexadecimal digits, and in base64 at each offset.
        static func traces(_ wamid: String?) -> [String] {
            let plain = [digits, waID] + texts + (wamid.map { [$0] } ?? [])
            let encoded = [digits, waID].flatMap { number -> [String] in
                (0..<3).map { offset in
                    let text = Data((String(repeating: " ", count: offset) + number).utf8).base64EncodedString()
                    // The ends depend on what stands beside the number.
                    return String(text.replacing("=", with: "").dropFirst(offset == 0 ? 0 : offset + 1).dropLast())
                }
            }
            let hexadecimal = ([digits, waID] + texts).map { $0.utf8.map { String($0, radix: 16) }.joined() }
            return (plain + hexadecimal).map { $0.lowercased() } + encoded
        }
    }

    @Test(.timeLimit(.minutes(4)), arguments: Moment.allCases)
    func nothingOfThePersonIsFoundInADump(moment: Moment) async throws {
        // One message a second: those behind it wait in the lane.
        let rate = moment == .queued ? 1 : 400
        let contacts = moment == .queued ? 40 : 12
        try await DeliveryFixture.with(contacts: contacts, rate: rate, faults: moment.faults) { fixture in
            // Contacts without a window come last, in the order of their ids.
            let contact = try await Self.addPerson(to: fixture, at: moment == .queued ? contacts - 1 : 2)
            let run = try await fixture.launch()
            if moment == .pending {
                try await Self.settled(run, fixture)
                // Else the daemon might send the message before it is asked to erase.
                #expect(try await fixture.runs.pause(run, reason: "wait", by: .command("jane")))
            }
            try await fixture.withDaemon(erasureKey: String(repeating: "k", count: 32)) { port in
                if moment != .pending { try await Self.reached(moment, contact, fixture) }
                switch moment {
                // A message whose request is not written yet may still be given back.
                case .sending:
                    try await eventually(within: .seconds(30), "the request is written") {
                        fixture.simulator.acceptedCount(of: Person.phone) == 1
                    }
                // Only the erasure may change the analytics from here on.
                case .sent: try await fixture.completes(run)
                default: break
                }
                try await Self.post(Self.inbound("text-quicktrace", "1"), to: port)
                try await Self.fire(to: port)
                let wamid = try await fixture.pool.query(
                    "SELECT max(\"waMessageId\") FROM campaign_messages WHERE \"contactId\" = \(contact)"
                )[0].decode(0, as: String?.self)
                let before = try await Self.analytics(fixture)
                #expect(try await Self.found(wamid, fixture).count > 5, "the person is in the dump")

                #expect(try await Self.call("DELETE", "/contacts/%2B\(Person.digits)", to: port) == 204)
                if moment == .sent { #expect(try await Self.analytics(fixture) == before) }
                if moment == .pending { #expect(try await fixture.runs.resume(run)) }
                try await Self.late(moment, contact, wamid, port, fixture)
                // Waiting webhooks are passed on or expire; those of the erasure itself are gone already.
                try await eventually(within: .seconds(60), "nothing is left of the person") {
                    try await fixture.pool.execute("DELETE FROM webhook_forwards")
                    return try await Self.found(wamid, fixture).isEmpty
                }
                if moment != .unconfirmed && moment != .queued { try await fixture.completes(run) }
                try await fixture.expectCountersEqualRows(run)
                let status = try await fixture.pool.query(
                    "SELECT status::text FROM campaign_messages WHERE \"contactId\" = \(contact) AND \"runId\" = \(run)"
                )[0].decode(0, as: String.self)
                #expect(moment.ends.contains(status), "\(status)")
                try await Self.expectTheWalletAgrees(fixture)
                // The opt-out that came later is known by its hash.
                #expect(try await Self.call("PUT", "/contacts/\(Person.digits)", "{}", to: port) == 201)
                let level = try await fixture.pool.query(
                    "SELECT \"suppressedLevel\" FROM contacts WHERE \"contactId\" = \(Person.digits)"
                )[0].decode(0, as: String?.self)
                #expect(level == "all")
            }
        }
    }

    /// Gives the tenant a wallet, receivers and a triggered campaign, and one contact the values of the person.
    private static func addPerson(to fixture: DeliveryFixture, at number: Int) async throws -> UUID {
        let wallets = WalletRepository(pool: fixture.pool)
        _ = try await wallets.setPrice(2, tenant: "acme")
        _ = try await wallets.topUp(1_000, tenant: "acme", reference: "1")
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, notify, webhook) VALUES ('acme', 'acme',
                '{"url":"env:NOT_SET","secret":"env:NOT_SET","on":["paused","completed"]}', '{"forward":"env:NOT_SET"}')
            """
        )
        try await fixture.pool.execute(
            """
            WITH c AS (
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "triggerType")
                SELECT 'acme', 'hook', 'event_triggered', id,
                    '{"type":"template","template":{"name":"hello","language":{"code":"en"}}}', 'order.paid'
                FROM senders RETURNING id
            )
            INSERT INTO campaign_triggers ("tenantId", "campaignId", event) SELECT 'acme', id, 'order.paid' FROM c
            """
        )
        return try await fixture.pool.query(
            """
            UPDATE contacts SET "contactId" = \(Person.phone), name = 'Zuleika Quicktrace',
                email = 'zuleika@quicktrace.example', metadata = '{"plan":"plan-quicktrace"}', tags = '{plan-quicktrace}'
            WHERE "contactId" = \(DeliveryFixture.phone(number)) RETURNING id
            """
        )[0].decode(0)
    }

    private static func settled(_ run: UUID, _ fixture: DeliveryFixture) async throws {
        let launches = LaunchRepository(pool: fixture.pool)
        while try await launches.writeBatch(of: run).run.status == .launching {}
    }

    private static func reached(_ moment: Moment, _ contact: UUID, _ fixture: DeliveryFixture) async throws {
        try await eventually(within: .seconds(30), "the message is \(moment)") {
            try await fixture.pool.query(
                """
                SELECT count(*) FROM campaign_messages m
                WHERE m."contactId" = \(contact) AND \(fragment: moment.condition)
                """
            )[0].decode(0, as: Int.self) > 0
        }
    }

    private static func inbound(_ text: String, _ id: String) -> String {
        let now = Int(Date().timeIntervalSince1970)
        let wamid = "wamid." + Data("in \(Person.waID) \(id)".utf8).base64EncodedString()
        return """
            {"messaging_product":"whatsapp","metadata":{"phone_number_id":"1001"},
            "contacts":[{"profile":{"name":"Zuleika Quicktrace"},"wa_id":"\(Person.waID)","user_id":"\(Person.userID)"}],
            "messages":[{"from":"\(Person.waID)","from_user_id":"\(Person.userID)","id":"\(wamid)","timestamp":"\(now)",
                "type":"text","text":{"body":"\(text)"}}]}
            """
    }

    private static func post(_ value: String, field: String = "messages", to port: Int) async throws {
        #expect(try await InboundWebhookTests.post(value, field: field, to: port) == 200)
    }

    /// The webhooks after the erasure: reports about the message, an opt-out in two ways, and a change of number.
    private static func late(
        _ moment: Moment,
        _ contact: UUID,
        _ wamid: String?,
        _ port: Int,
        _ fixture: DeliveryFixture
    ) async throws {
        let now = Int(Date().timeIntervalSince1970)
        let message = try await fixture.pool.query(
            "SELECT id::text FROM campaign_messages WHERE \"contactId\" = \(contact) ORDER BY id LIMIT 1"
        )[0].decode(0, as: String.self)
        let metadata = #""messaging_product":"whatsapp","metadata":{"phone_number_id":"1001"}"#
        for text in ["STOP", "text-quicktrace"] { try await post(inbound(text, text), to: port) }
        try await post(
            """
            {\(metadata),"user_preferences":[{"wa_id":"\(Person.waID)","user_id":"\(Person.userID)",
                "category":"marketing_messages","value":"stop","timestamp":\(now)}]}
            """,
            field: "user_preferences",
            to: port
        )
        try await post(
            """
            {\(metadata),"messages":[{"from":"\(Person.waID)","id":"wamid.move","timestamp":"\(now)","type":"system",
                "system":{"body":"Zuleika Quicktrace changed","type":"user_changed_number","wa_id":"\(Person.digits)"}}]}
            """,
            to: port
        )
        guard let wamid else { return }
        for callback in ["", #","biz_opaque_callback_data":"\#(message)""#] {
            try await post(
                """
                {\(metadata),"contacts":[{"wa_id":"\(Person.waID)","user_id":"\(Person.userID)"}],
                "statuses":[{"id":"\(wamid)","status":"read","timestamp":"\(now)","recipient_id":"\(Person.waID)",
                    "recipient_user_id":"\(Person.userID)"\(callback)}]}
                """,
                to: port
            )
        }
    }

    private static func fire(to port: Int) async throws {
        let event =
            #"{"contactId":"\#(Person.phone)","context":{"plan":"plan-quicktrace"},"eventId":"order-7"}"#
        #expect(try await call("POST", "/triggers/order.paid", event, to: port) == 202)
    }

    private static func call(_ method: String, _ path: String, _ body: String? = nil, to port: Int) async throws -> Int
    {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "Authorization", value: "Bearer \(try TestToken.text())")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(20)).status.code)
    }

    private static func analytics(_ fixture: DeliveryFixture) async throws -> [String] {
        try await fixture.pool.query(
            """
            SELECT concat_ws(' ', c.name, r."recipientCount", r.sent + r.delivered + r.read, r.failed, r.unconfirmed)
            FROM campaign_runs r JOIN campaigns c ON c.id = r."campaignId" WHERE c.name <> 'hook' ORDER BY 1
            """
        ).map { try $0.decode(0) }
    }

    private static func expectTheWalletAgrees(_ fixture: DeliveryFixture) async throws {
        try await eventually(within: .seconds(20), "the ledger and the messages agree") {
            try await WalletRepository(pool: fixture.pool).audit(tenant: "acme")?.findings.isEmpty == true
        }
    }

    /// The traces of the person in a dump of the database, and in all keys of Redis.
    private static func found(_ wamid: String?, _ fixture: DeliveryFixture) async throws -> [String] {
        let dump = try await dump(of: fixture) + "\n" + redis(fixture)
        let small = dump.lowercased()
        return Person.traces(wamid).filter { small.contains($0) || dump.contains($0) }
    }

    private static func dump(of fixture: DeliveryFixture) async throws -> String {
        let name = try await fixture.pool.query("SELECT current_database()")[0].decode(0, as: String.self)
        var url = try #require(URLComponents(string: ProcessInfo.processInfo.environment["DATABASE_URL"] ?? ""))
        url.path = "/\(name)"
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).sql")
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["pg_dump", "--inserts", "--file", file.path, url.string ?? ""]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "pg_dump")
        return try String(contentsOf: file, encoding: .utf8)
    }

    private static func redis(_ fixture: DeliveryFixture) async throws -> String {
        var text = ""
        for key in try await TestRedis.keys(of: fixture.group, on: fixture.redis) {
            let kind = try await fixture.redis.send(RedisCommand("TYPE", .text(key))).asText()
            let command: RedisCommand? =
                switch kind {
                case "string": RedisCommand("GET", .text(key))
                case "hash": RedisCommand("HGETALL", .text(key))
                case "list": RedisCommand("LRANGE", .text(key), 0, -1)
                case "set": RedisCommand("SMEMBERS", .text(key))
                case "zset": RedisCommand("ZRANGE", .text(key), 0, -1)
                default: nil
                }
            text += key + "\n"
            if let command { text += Self.text(of: try await fixture.redis.send(command)) + "\n" }
        }
        return text
    }

    private static func text(of reply: RedisReply) -> String {
        guard case .array(let items) = reply else { return reply.text ?? "" }
        return items.map(text).joined(separator: " ")
    }
}
