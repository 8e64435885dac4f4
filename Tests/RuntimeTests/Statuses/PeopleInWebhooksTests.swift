import Foundation
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// The ids of people in the webhooks of 2026, in which a number may be missing.
struct PeopleInWebhooksTests {
    private static let now = Date(timeIntervalSince1970: 2_000_000_000)

    private static func reports(_ value: String) throws -> ChannelReports {
        let body =
            #"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":"#
            + #"{"messaging_product":"whatsapp","metadata":{"phone_number_id":"1001"},\#(value)}}]}]}"#
        return try WhatsAppChannel.reports(in: Array(body.utf8), receivedAt: now)
    }

    private static func person(_ value: String) throws -> InboundReport.Person? {
        try reports(value).inbound.messages.first?.person
    }

    @Test func readsThePersonOfAMessage() throws {
        let whole = try Self.person(
            """
            "contacts":[{"profile":{"name":"Ana"},"wa_id":"5511999990000","user_id":"BR.135","parent_user_id":"BR.ENT.7"}],
            "messages":[{"from":"5511999990000","from_user_id":"BR.135","id":"wamid.1","timestamp":"1","type":"text",
                "text":{"body":"hi"},"context":{"id":"wamid.ours","from":"551130000000"}}]
            """
        )
        let ids = ["BR.135", "BR.ENT.7"]
        #expect(whole == .init("5511999990000", userIDs: ids, repliesTo: "wamid.ours", name: "Ana"))
        let hidden = try Self.person(
            """
            "contacts":[{"profile":{"name":"Ana","username":"@ana"},"user_id":"BR.135"}],
            "messages":[{"from_user_id":"BR.135","id":"wamid.1","timestamp":"1","type":"image"}]
            """
        )
        #expect(hidden == .init("BR.135", userIDs: ["BR.135"], name: "Ana"))
        // The number of the contact counts where the message has none.
        let shown = try Self.person(
            """
            "contacts":[{"wa_id":"5511999990000","user_id":"BR.135"},{"wa_id":"49170","user_id":"DE.1"}],
            "messages":[{"from_user_id":"DE.1","id":"wamid.1","timestamp":"1","type":"text"}]
            """
        )
        #expect(shown == .init("49170", userIDs: ["DE.1"]))
        #expect(try Self.person(#""messages":[{"id":"wamid.1","timestamp":"1","type":"text"}]"#) == nil)
        let long = String(repeating: "9", count: 200)
        #expect(try Self.person(#""messages":[{"from":"\#(long)","id":"w","type":"text"}]"#) == nil)
        #expect(try Self.person(#""messages":[{"from":"1\u0000","id":"w","type":"text"}]"#) == nil)
    }

    @Test func readsThePersonOfAPreference() throws {
        let preferences = try Self.reports(
            """
            "user_preferences":[
                {"user_id":"BR.135","category":"marketing_messages","value":"stop","timestamp":1731705721},
                {"wa_id":"5511999990000","user_id":"BR.135","category":"marketing_messages","value":"resume","timestamp":1}]
            """
        ).inbound.preferences
        #expect(preferences.map(\.person.id) == ["BR.135", "5511999990000"])
        #expect(preferences.map(\.person.userIDs) == [["BR.135"], ["BR.135"]])
        #expect(preferences.map(\.isOptedIn) == [false, true])
    }

    /// A choice that Meta does not document changes nothing, and is counted.
    @Test(arguments: [
        (#""category":"marketing_messages","value":"signup""#, "user_preferences.marketing_messages.signup"),
        (#""category":"marketing_messages","value":"STOP""#, "user_preferences.marketing_messages.STOP"),
        (#""category":"service_messages","value":"stop""#, "user_preferences.service_messages.stop"),
        (#""category":"marketing_messages""#, "user_preferences.marketing_messages.none"),
        (#""category":"marketing_messages","value":7"#, "user_preferences.marketing_messages.none"),
    ])
    func anUnknownPreferenceChangesNothingAndIsCounted(fields: String, type: String) throws {
        let value = #""user_preferences":[{"wa_id":"254700000001",\#(fields),"timestamp":1}]"#
        let reports = try Self.reports(value)
        #expect(reports.inbound.preferences == [])
        #expect(reports.events.contains(WebhookEvent(type: type, isKnown: false)))
        let known = try Self.reports(value.replacing(fields, with: #""value":"resume""#))
        #expect(known.inbound.preferences.map(\.isOptedIn) == [true] && known.events.allSatisfy(\.isKnown))
    }

    @Test(arguments: [#""wa_id":"254711111111""#, #""new_wa_id":"254711111111""#])
    func readsAChangeOfNumber(new: String) throws {
        let report = try Self.reports(
            """
            "contacts":[{"wa_id":"254711111111","user_id":"KE.2"}],
            "messages":[{"from":"254700000001","from_user_id":"KE.1","id":"w","timestamp":"1700000000","type":"system",
                "system":{"body":"User Ana changed","type":"user_changed_number",\(new),"user_id":"KE.2"}}]
            """
        ).inbound
        #expect(report.messages == [], "it opens no window")
        let move = try #require(report.moves.first)
        #expect(move.person.id == "254700000001")
        #expect(move.number == "254711111111")
        #expect(move.userIDs == ["KE.2"])
        #expect(move.at == Date(timeIntervalSince1970: 1_700_000_000))
    }

    @Test func readsTheIDsOfStatuses() throws {
        let message = UUID()
        let learned = try Self.reports(
            """
            "contacts":[{"profile":{"name":"Ana"},"wa_id":"551187654321","user_id":"BR.135","parent_user_id":"BR.ENT.7"}],
            "statuses":[
                {"id":"w1","status":"sent","timestamp":"1","recipient_id":"551187654321","recipient_user_id":"BR.135",
                    "recipient_parent_user_id":"BR.ENT.7","biz_opaque_callback_data":"\(message.uuidString.lowercased())"}]
            """
        ).learnedIDs
        let ids = LearnedIDs(
            messageID: message,
            waMessageID: "w1",
            waID: "551187654321",
            userIDs: ["BR.135", "BR.ENT.7"]
        )
        #expect(learned == [ids])
        let plain = try Self.reports(
            """
            "statuses":[{"id":"w1","status":"sent","timestamp":"1","recipient_id":"254700000001"},
                {"id":"w2","status":"sent","timestamp":"1","recipient_id":"551187654321"},
                {"id":"w3","status":"sent","timestamp":"1","recipient_id":"120363","recipient_type":"group"},
                {"id":"w4","status":"failed","timestamp":"1","recipient_user_id":"KE.4"}]
            """
        )
        #expect(plain.statuses.count == 4)
        // A plain number is what the message was sent to, unless WhatsApp may have rewritten it.
        #expect(plain.learnedIDs.map(\.waMessageID) == ["w2", "w4"])
        #expect(plain.learnedIDs.map(\.userIDs) == [[], ["KE.4"]])
    }

    @Test func anAnswerTellsOnlyWhatIsNew() {
        func ids(_ contact: String) -> SendAnswer.RecipientIDs? {
            let body = #"{"contacts":[{\#(contact)}],"messages":[{"id":"w"}]}"#
            return Array(body.utf8).withUnsafeBytes { AcceptedAnswer(scanning: $0)?.recipient }
        }
        #expect(ids(#""input":"+254700000001","wa_id":"254700000001""#) == nil)
        #expect(ids(#""input":"KE.405","user_id":"KE.405""#) == nil)
        #expect(ids(#""input":"+5511987654321","wa_id":"551187654321""#)?.waID == "551187654321")
        #expect(ids(#""input":"+254700000001","wa_id":"254700000001","user_id":"KE.1""#)?.userID == "KE.1")
    }
}

/// People with several ids, with a whole daemon.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct IdentityDeliveryTests {
    private static func post(_ value: String, to port: Int) async throws {
        let metadata = #"{"messaging_product":"whatsapp","metadata":{"phone_number_id":"1001"},"#
        #expect(try await InboundWebhookTests.post(metadata + value + "}", to: port) == 200)
    }

    private static func ids(_ fixture: DeliveryFixture) async throws -> [String] {
        try await fixture.pool.query("SELECT id FROM contact_ids ORDER BY 1").map { try $0.decode(0) }
    }

    @Test func aPersonWithAUserIDOnlyGetsMessagesAndIsFoundByTheirStatuses() async throws {
        try await DeliveryFixture.with(contacts: 2) { fixture in
            try await fixture.pool.execute(
                "UPDATE contacts SET \"contactId\" = 'KE.40512' WHERE \"contactId\" = \(DeliveryFixture.phone(1))"
            )
            let run = try await fixture.launch()
            try await fixture.withDaemon { port in
                try await fixture.completes(run)
                #expect(fixture.simulator.acceptedCount(of: "KE.40512") == 1)
                #expect(fixture.simulator.acceptedCount(of: DeliveryFixture.phone(2)) == 1)
                let row = try await fixture.pool.query(
                    "SELECT \"waMessageId\", id::text FROM campaign_messages WHERE \"recipientPhone\" = ''"
                )[0]
                let (wamid, message) = (try row.decode(0, as: String.self), try row.decode(1, as: String.self))
                let now = Int(Date().timeIntervalSince1970)
                // WhatsApp may show the number now.
                let status = """
                    "contacts":[{"profile":{"name":"Ana"},"wa_id":"254700000009","user_id":"KE.40512"}],
                    "statuses":[{"id":"\(wamid)","status":"read","timestamp":"\(now)","recipient_user_id":"KE.40512",
                        "biz_opaque_callback_data":"\(message)"}]
                    """
                for _ in 1...3 { try await Self.post(status, to: port) }
                #expect(try await Self.ids(fixture) == ["254700000009"])
                try await Self.post(
                    """
                    "messages":[{"from":"254700000009","id":"wamid.in","timestamp":"\(now)","type":"text",
                        "text":{"body":"STOP"}}]
                    """,
                    to: port
                )
                let contact = try await fixture.pool.query(
                    "SELECT \"optedIn\", \"currentNumber\" FROM contacts WHERE \"contactId\" = 'KE.40512'"
                )[0]
                #expect(try !contact.decode(0, as: Bool.self))
                #expect(try contact.decode(1, as: String.self) == "254700000009")
            }
        }
    }

    @Test func freeTextWaitsForTheNumbersOwnWindow() async throws {
        try await DeliveryFixture.with(contacts: 4) { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
                VALUES ('acme', 'second', '1002', 'env:TOKEN', 80, 'second')
                """
            )
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET "messageTemplate" = '{"type":"text","text":{"body":"Hello"}}'
                """
            )
            try await fixture.withDaemon { port in
                let now = Int(Date().timeIntervalSince1970)
                for (number, phoneNumberID) in [(1, "1001"), (2, "1002")] {
                    let value = """
                        {"metadata":{"phone_number_id":"\(phoneNumberID)"},"messages":[{"id":"wamid.\(number)",
                            "from":"\(DeliveryFixture.phone(number).dropFirst())","timestamp":"\(now)","type":"text",
                            "text":{"body":"hi"}}]}
                        """
                    #expect(try await InboundWebhookTests.post(value, to: port) == 200)
                }
                let run = try await fixture.launch()
                try await fixture.completes(run)
                #expect(try await fixture.run(run).unreachableCount == 3)
                #expect(fixture.simulator.acceptedCount(of: DeliveryFixture.phone(1)) == 1)
                #expect(fixture.simulator.summary().accepted == 1)
            }
        }
    }

    @Test func aChangeOfNumberIsLogged() async throws {
        let logs = LogCollector()
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(logger: logs.logger) { port in
                let now = Int(Date().timeIntervalSince1970)
                let old = DeliveryFixture.phone(1).dropFirst()
                let change = """
                    "messages":[{"from":"\(old)","id":"wamid.s","timestamp":"\(now)","type":"system",
                        "system":{"body":"changed","type":"user_changed_number","wa_id":"254711111111"}}]
                    """
                for _ in 1...2 { try await Self.post(change, to: port) }
                let run = try await fixture.launch()
                try await fixture.completes(run)
                #expect(fixture.simulator.acceptedCount(of: "+254711111111") == 1)
                #expect(fixture.simulator.summary().accepted == 1)
            }
        }
        #expect(logs.text.components(separatedBy: "Contact changed number").count == 2)
    }
}
