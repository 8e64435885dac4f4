import AsyncHTTPClient
import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import Postgres
import Store
import TestSupport
import Testing

@testable import Runtime

/// Inbound messages and blocks by WhatsApp, posted to a whole daemon.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct InboundWebhookTests {
    private static let account = "WABA-1"

    /// Posts one change, signed as WhatsApp does.
    static func post(
        _ value: String,
        field: String = "messages",
        to port: Int,
        signature: String? = nil
    ) async throws -> Int {
        let body =
            #"{"object":"whatsapp_business_account","entry":[{"id":"\#(account)","changes":[{"field":"\#(field)","value":"#
            + value + "}]}]}"
        let key = SymmetricKey(data: Data(DeliveryFixture.appSecret.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: key)
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/webhooks/whatsapp")
        request.method = .POST
        let hex = code.map { String(format: "%02x", $0) }.joined()
        request.headers.add(name: "X-Hub-Signature-256", value: signature ?? "sha256=\(hex)")
        request.body = .bytes(ByteBuffer(string: body))
        return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(20)).status.code)
    }

    private static func messages(_ messages: String...) -> String {
        #"{"messaging_product":"whatsapp","metadata":{"display_phone_number":"55 11 3000-0000","phone_number_id":"1001"},"#
            + #""messages":["# + messages.joined(separator: ",") + "]}"
    }

    private static func message(_ id: String, from number: Int = 1, text: String, at time: Int) -> String {
        let phone = DeliveryFixture.phone(number).dropFirst()
        return
            #"{"from":"\#(phone)","id":"wamid.\#(id)","timestamp":"\#(time)","type":"text","text":{"body":"\#(text)"}}"#
    }

    private struct Contact: Equatable {
        let lastSeen: Int?
        let messageCount: Int
        let optedIn: Bool
    }

    private static func contact(_ fixture: DeliveryFixture, _ number: Int = 1) async throws -> Contact {
        let row = try await fixture.pool.query(
            """
            SELECT extract(epoch FROM "lastSeen")::int8, "messageCount", "optedIn" FROM contacts
            WHERE "contactId" = \(DeliveryFixture.phone(number))
            """
        )[0]
        return Contact(lastSeen: try row.decode(0), messageCount: try row.decode(1), optedIn: try row.decode(2))
    }

    @Test func aContactThatCannotBeWrittenKeepsNoOtherReportWaiting() async throws {
        try await DeliveryFixture.with(contacts: 4) { fixture in
            try await fixture.pool.withConnection { connection in
                try await connection.simpleScript(
                    """
                    ALTER TABLE contacts ALTER COLUMN "messageCount" DROP NOT NULL;
                    UPDATE contacts SET "messageCount" = NULL WHERE "contactId" = '\(DeliveryFixture.phone(2))';
                    UPDATE contacts SET "messageCount" = 2147483647 WHERE "contactId" = '\(DeliveryFixture.phone(3))';
                    ALTER TABLE contacts ADD CONSTRAINT refused CHECK
                        ("contactId" <> '\(DeliveryFixture.phone(4))' OR "optedIn")
                    """
                )
            }
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                let webhook = Self.messages(
                    Self.message("1", from: 1, text: "STOP", at: now - 10),
                    Self.message("2", from: 2, text: "hi", at: now - 10),
                    Self.message("3", from: 3, text: "STOP", at: now - 10),
                    Self.message("4", from: 4, text: "STOP", at: now - 10)
                )
                // WhatsApp is to repeat it for the one that was refused.
                let status = try await Self.post(webhook, to: port)
                #expect(status >= 500)
                #expect(
                    try await Self.contact(fixture, 1) == Contact(lastSeen: now - 10, messageCount: 1, optedIn: false)
                )
                #expect(
                    try await Self.contact(fixture, 2) == Contact(lastSeen: now - 10, messageCount: 1, optedIn: true)
                )
                let third = Contact(lastSeen: now - 10, messageCount: 2_147_483_647, optedIn: false)
                #expect(try await Self.contact(fixture, 3) == third)
            }
        }
    }

    @Test func aMessageOpensTheWindowAndCountsOnce() async throws {
        try await DeliveryFixture.with(contacts: 3) { fixture in
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                let webhook = Self.messages(
                    Self.message("1", text: "hi", at: now - 10),
                    Self.message("2", text: "there", at: now - 20)
                )
                #expect(try await Self.post(webhook, to: port) == 200)
                #expect(try await Self.post(webhook, to: port) == 200)
                #expect(
                    try await Self.contact(fixture) == Contact(lastSeen: now - 10, messageCount: 2, optedIn: true)
                )
                // An older message that arrives late does not shorten the window.
                #expect(
                    try await Self.post(Self.messages(Self.message("0", text: "hi", at: now - 90)), to: port) == 200
                )
                #expect(try await Self.contact(fixture).lastSeen == now - 10)
                // A time in the future does not keep the window open for longer.
                let future = Self.messages(Self.message("9", from: 3, text: "hi", at: now + 9_999_999))
                #expect(try await Self.post(future, to: port) == 200)
                let lastSeen = try await Self.contact(fixture, 3).lastSeen
                #expect(try #require(lastSeen) <= now + 60)
                // A system message about a contact was not written by the contact.
                let phone = DeliveryFixture.phone(2).dropFirst()
                let moved =
                    #"{"from":"\#(phone)","id":"wamid.m","timestamp":"\#(now)","type":"system","#
                    + #""system":{"body":"Ana has another number","wa_id":"998","type":"user_changed_number"}}"#
                #expect(try await Self.post(Self.messages(moved), to: port) == 200)
                #expect(try await Self.contact(fixture, 2).messageCount == 0)
                // An unknown contact.
                let stranger = #"{"from":"999","id":"wamid.s","timestamp":"\#(now)","type":"image","image":{}}"#
                #expect(try await Self.post(Self.messages(stranger), to: port) == 200)
            }
        }
    }

    @Test func wordsAndPreferencesGiveAndTakeConsent() async throws {
        try await DeliveryFixture.with(contacts: 4) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "optOutWords") VALUES (\(DeliveryFixture.tenant), 'acme', '["No mas"]')
                """
            )
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                func say(_ id: String, _ number: Int, _ text: String, at time: Int) async throws {
                    let webhook = Self.messages(Self.message(id, from: number, text: text, at: time))
                    #expect(try await Self.post(webhook, to: port) == 200)
                }
                try await say("a", 1, " Stop! ", at: now - 100)
                try await say("b", 2, "please don't stop", at: now - 100)
                try await say("c", 3, "NO MÁS", at: now - 100)
                // The title of a button, for example to cancel an appointment, is no opt-out.
                try await say("g", 2, "Cancel", at: now - 99)
                #expect(try await Self.contact(fixture, 1).optedIn == false)
                #expect(try await Self.contact(fixture, 2).optedIn == true)
                #expect(try await Self.contact(fixture, 3).optedIn == false)
                try await say("d", 1, "start", at: now - 50)
                #expect(try await Self.contact(fixture, 1).optedIn == true)
                // The first message again, and an older one: the latest preference holds.
                try await say("a", 1, "stop", at: now - 100)
                try await say("e", 1, "stop", at: now - 60)
                #expect(try await Self.contact(fixture, 1).optedIn == true)

                let phone = DeliveryFixture.phone(4).dropFirst()
                func prefer(_ value: String, at time: Int) async throws {
                    let webhook =
                        #"{"metadata":{"phone_number_id":"1001"},"user_preferences":[{"wa_id":"\#(phone)","#
                        + #""category":"marketing_messages","value":"\#(value)","timestamp":\#(time)}]}"#
                    #expect(try await Self.post(webhook, field: "user_preferences", to: port) == 200)
                }
                let consents = ConsentRepository(pool: fixture.pool)
                func level() async throws -> ConsentLevel? {
                    try await consents.find(DeliveryFixture.phone(4), tenant: DeliveryFixture.tenant)?.level
                }
                try await prefer("stop", at: now - 40)
                #expect(try await level() == .marketing)
                try await prefer("resume", at: now - 30)
                #expect(try await level() == nil)
                // Of two preferences in the same second the opt-out holds, in any order, because that is the safe
                // choice.
                try await prefer("stop", at: now - 30)
                try await prefer("resume", at: now - 30)
                #expect(try await level() == .marketing)
                #expect(try await Self.contact(fixture, 4).optedIn == true)
            }
        }
    }

    @Test func buttonsThatSayUnsubscribeTakeConsentByTheirPayloadToo() async throws {
        try await DeliveryFixture.with(contacts: 3) { fixture in
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                func press(_ number: Int, _ button: String) async throws {
                    let phone = DeliveryFixture.phone(number).dropFirst()
                    let message =
                        #"{"from":"\#(phone)","id":"wamid.\#(number)","timestamp":"\#(now)","type":"button",\#(button)}"#
                    #expect(try await Self.post(Self.messages(message), to: port) == 200)
                }
                try await press(1, #""button":{"text":"Parar promoções","payload":"p-17"}"#)
                try await press(2, #""button":{"text":"Não","payload":"STOP_PROMOTIONS"}"#)
                try await press(3, #""interactive":{"button_reply":{"id":"yes","title":"Keep them coming"}}"#)
                #expect(try await Self.contact(fixture, 1).optedIn == false)
                #expect(try await Self.contact(fixture, 2).optedIn == false)
                #expect(try await Self.contact(fixture, 3).optedIn == true)
                let consents = ConsentRepository(pool: fixture.pool)
                let history = try await consents.history(of: DeliveryFixture.phone(1), tenant: DeliveryFixture.tenant)
                #expect(history.changes.map(\.source) == ["button"])
            }
        }
    }

    @Test func anOptOutOfSomebodyWhoIsNoContactIsKept() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                let stop = Self.message("s", from: 9, text: "STOP", at: now - 10)
                #expect(try await Self.post(Self.messages(stop), to: port) == 200)
                try await fixture.pool.execute(
                    """
                    INSERT INTO contacts ("tenantId", "contactId", "optedIn")
                    VALUES (\(DeliveryFixture.tenant), \(DeliveryFixture.phone(9)), true)
                    """
                )
                #expect(try await Self.contact(fixture, 9).optedIn == false)
                let start = Self.message("t", from: 9, text: "start", at: now - 5)
                #expect(try await Self.post(Self.messages(start), to: port) == 200)
                #expect(try await Self.contact(fixture, 9).optedIn == true)
            }
        }
    }

    /// WhatsApp writes numbers of these countries in another form than people do.
    @Test(arguments: [
        ("+5531987654321", "553187654321"), ("553187654321", "5531987654321"), ("5215512345678", "525512345678"),
        ("+525512345678", "5215512345678"), ("541123456789", "5491123456789"), ("+5491123456789", "541123456789"),
    ])
    func peopleAreFoundByTheFormOfTheirNumberThatWhatsAppUses(stored: String, written: String) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId") VALUES (\(DeliveryFixture.tenant), \(stored))
                """
            )
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                let message =
                    #"{"from":"\#(written)","id":"wamid.x","timestamp":"\#(now)","type":"text","text":{"body":"STOP 🙏"}}"#
                #expect(try await Self.post(Self.messages(message), to: port) == 200)
                let row = try await fixture.pool.query(
                    #"SELECT "optedIn", "messageCount" FROM contacts WHERE "contactId" = \#(stored)"#
                )[0]
                #expect(try row.decode(0, as: Bool.self) == false)
                #expect(try row.decode(1, as: Int.self) == 1)
            }
        }
    }

    @Test func aBlockedTemplateIsFoundByBothSpellingsOfItsLanguage() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            let run = try await fixture.launch()
            try await fixture.pool.execute(
                """
                UPDATE campaign_revisions SET content = jsonb_set(content, '{message,template,language,code}', '"en_US"')
                """
            )
            var paused = InboundReport()
            paused.numbers = [.init(phoneNumberID: "1001", displayPhoneNumber: nil, businessAccountID: Self.account)]
            paused.stops = [
                .init(
                    businessAccountID: Self.account,
                    subject: .template(name: "hello", language: "en-US"),
                    reason: "PAUSED"
                )
            ]
            #expect(try await InboundRepository(pool: fixture.pool).apply(paused).paused == [run])
        }
    }

    /// WhatsApp repeats a refused webhook for a week, with all other reports in it.
    @Test func reportsThatMakeNoSenseAreTakenAndHideNoOther() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon { port in
                let odd = [
                    ("wamid.future", "99999999999999999", ""), ("wamid.past", "-99999999999999999", ""),
                    (#"wamid.nul\u0000"#, "1", ""), ("wamid." + String(repeating: "y", count: 600), "1", ""),
                    ("wamid.text", "1", #","errors":[{"code":131049,"error_data":{"details":"a\u0000b"}}]"#),
                    ("", "1", ""),
                ]
                for (id, time, more) in odd {
                    let kind = more.isEmpty ? "delivered" : "failed"
                    let status = #"{"id":"\#(id)","status":"\#(kind)","timestamp":"\#(time)"\#(more)}"#
                    let beside = #"{"id":"wamid.good","status":"read","timestamp":"1750030073"}"#
                    let value = #"{"metadata":{"phone_number_id":"1001"},"statuses":[\#(status),\#(beside)]}"#
                    #expect(try await Self.post(value, to: port) == 200, "\(id.prefix(20))")
                }
                let rows = try await fixture.pool.query(
                    """
                    SELECT "waMessageId", "errorMessage", "occurredAt" > now() FROM webhook_inbox ORDER BY 1
                    """
                )
                let ids = try rows.map { try $0.decode(0, as: String.self) }
                #expect(ids == ["wamid.future", "wamid.good", "wamid.past", "wamid.text"])
                #expect(try rows.compactMap { try $0.decode(1, as: String?.self) } == ["ab"])
                #expect(try rows.allSatisfy { try !$0.decode(2, as: Bool.self) })
            }
        }
    }

    @Test(arguments: [
        #"{"metadata":{"phone_number_id":"1001"},"contacts":[{"profile":{"name":"Ana \ud83d"}}],"statuses":[@]}"#,
        #"{"metadata":{"phone_number_id":"1001"},"statuses":[@],"user_preferences":[{"wa_id":"1\u0000","value":"stop"}]}"#,
        #"{"event":"PAUSED","message_template_name":"a\u0000","message_template_language":"en","statuses":[@]}"#,
    ])
    func textsThatCannotBeKeptDoNotKeepOthersAway(value: String) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon { port in
                let status = #"{"id":"wamid.1","status":"read","timestamp":"1750030073"}"#
                let webhook = value.replacing("@", with: status)
                let code = try await Self.post(webhook, field: "message_template_status_update", to: port)
                #expect(code == 200)
                #expect(try await fixture.pool.query("SELECT FROM webhook_inbox").count == 1)
            }
        }
    }

    @Test func forgedMessagesChangeNothing() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon { port in
                let webhook = Self.messages(Self.message("1", text: "stop", at: Int(Date().timeIntervalSince1970)))
                let forged = "sha256=" + String(repeating: "0", count: 64)
                let status = try await Self.post(webhook, to: port, signature: forged)
                #expect(status == 401)
                #expect(try await Self.contact(fixture).optedIn == true)
            }
        }
    }

    @Test func callsLimitsAndUnknownEventsHaveTheirEffect() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                let phone = DeliveryFixture.phone(1).dropFirst()
                let call =
                    #"{"metadata":{"phone_number_id":"1001"},"calls":[{"id":"wacid.1","from":"\#(phone)","event":"connect","#
                    + #""timestamp":"\#(now - 10)","direction":"USER_INITIATED"}]}"#
                #expect(try await Self.post(call, field: "calls", to: port) == 200)
                #expect(try await Self.post(call, field: "calls", to: port) == 200)
                #expect(try await Self.contact(fixture).lastSeen == now - 10)
                let limit = #"{"max_daily_conversations_per_business":"TIER_250"}"#
                #expect(try await Self.post(limit, field: "business_capability_update", to: port) == 200)
                let senders = try await SenderRepository(pool: fixture.pool).all(tenant: DeliveryFixture.tenant)
                #expect(senders.first?.dailyLimit == 250)
                #expect(try await Self.post("{}", field: "teleportation", to: port) == 200)
                let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/metrics")
                let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
                let metrics = String(buffer: try await answer.body.collect(upTo: 1 << 22))
                for type in ["calls", "business_capability_update"] {
                    #expect(metrics.contains("type=\"\(type)\""), "\(type)")
                }
                let unknown = metrics.split(separator: "\n").filter { $0.contains("teleportation") }
                #expect(unknown.count == 1 && unknown[0].contains("known=\"false\"") && unknown[0].hasSuffix(" 1"))
            }
        }
    }

    @Test func aBlockOfAnotherAccountPausesNothing() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            let run = try await fixture.launch()
            let inbound = InboundRepository(pool: fixture.pool)
            var closed = InboundReport()
            closed.stops = [.init(businessAccountID: Self.account, subject: .account, reason: "closed")]
            // The account of the number is not known yet.
            #expect(try await inbound.apply(closed).paused == [])
            for account in ["WABA-2", Self.account] {
                closed.numbers = [
                    .init(phoneNumberID: "1001", displayPhoneNumber: nil, businessAccountID: account)
                ]
                #expect(try await inbound.apply(closed).paused == (account == Self.account ? [run] : []))
            }
        }
    }

    @Test(arguments: [
        (
            "message_template_status_update",
            #"{"event":"PAUSED","message_template_id":7,"message_template_name":"hello","message_template_language":"en","reason":"NONE"}"#,
            true
        ),
        (
            "message_template_status_update",
            #"{"event":"PAUSED","message_template_id":7,"message_template_name":"hello","message_template_language":"pt_BR"}"#,
            false
        ),
        (
            "message_template_status_update",
            #"{"event":"APPROVED","message_template_id":7,"message_template_name":"hello","message_template_language":"en"}"#,
            false
        ),
        ("phone_number_quality_update", #"{"event":"FLAGGED","display_phone_number":"551130000000"}"#, true),
        ("phone_number_quality_update", #"{"event":"UPGRADE","display_phone_number":"551130000000"}"#, false),
        ("account_update", #"{"event":"DISABLED_UPDATE","ban_info":{}}"#, true),
        ("account_update", #"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":["DISABLE"]}}"#, true),
        ("account_update", #"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":["REINSTATE"]}}"#, false),
        ("account_update", #"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"REINSTATE"}}"#, false),
        (
            "account_update",
            #"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_ADD_PHONE_NUMBER_ACTION"}]}"#,
            false
        ),
        (
            "account_update",
            #"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_ADD_PHONE_NUMBER_ACTION"},"#
                + #"{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":1790000000}]}"#,
            true
        ),
        // A warning, or the end of a restriction.
        (
            "account_update",
            #"{"event":"ACCOUNT_RESTRICTION","violation_info":{"violation_type":"UTILITY_TEMPLATE_ABUSE"}}"#, false
        ),
        (
            "message_template_status_update",
            #"{"event":"ARCHIVED","message_template_id":7,"message_template_name":"hello","message_template_language":"en","reason":null}"#,
            true
        ),
        (
            "message_template_status_update",
            #"{"event":"FLAGGED","message_template_id":7,"message_template_name":"hello","message_template_language":"en"}"#,
            false
        ),
        ("account_update", #"{"event":"PARTNER_REMOVED","waba_info":{"waba_id":"WABA-1"}}"#, true),
        ("account_update", #"{"event":"ACCOUNT_OFFBOARDED"}"#, true),
        ("account_update", #"{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"ADULT"}}"#, false),
        ("account_review_update", #"{"decision":"REJECTED"}"#, true),
        ("some_new_field", #"{"event":"PAUSED","anything":[1,2]}"#, false),
    ])
    func campaignsThatWhatsAppBlocksArePaused(field: String, value: String, pauses: Bool) async throws {
        try await DeliveryFixture.with(contacts: 500, rate: 20) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { port in
                // From here on the number is known with all its ids.
                #expect(try await Self.post(Self.messages(), to: port) == 200)
                #expect(try await Self.post(value, field: field, to: port) == 200)
                let record = try await fixture.run(run)
                #expect(record.status == (pauses ? .paused : .running))
                #expect((record.statusReason?.contains("WhatsApp") ?? false) == pauses)
            }
        }
    }
}
