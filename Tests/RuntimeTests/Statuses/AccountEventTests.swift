import Foundation
import JSON
import Store
import Testing

@testable import Runtime

/// The events of templates, numbers and accounts, as webhooks bring them.
struct AccountEventTests {
    private static let now = Date(timeIntervalSince1970: 1_790_000_100)
    private static let reported = Date(timeIntervalSince1970: 1_790_000_000)

    private static func payload(_ field: String, _ value: String) throws -> WebhookPayload {
        let body =
            #"{"object":"whatsapp_business_account","entry":[{"id":"100200300","time":1790000000,"#
            + #""changes":[{"field":"\#(field)","value":\#(value)}]}]}"#
        return try WebhookPayload(parsing: Array(body.utf8))
    }

    private static func report(_ field: String, _ value: String) throws -> InboundReport {
        try payload(field, value).inboundReport(receivedAt: now)
    }

    private static let template =
        #""message_template_id":9007199254740993,"message_template_name":"hello","message_template_language":"en-US""#

    struct Case: Sendable, CustomTestStringConvertible {
        let field: String
        let value: String
        let content: AccountFact.Content?
        var testDescription: String { value }

        init(_ field: String, _ value: String, _ content: AccountFact.Content?) {
            (self.field, self.value, self.content) = (field, value, content)
        }

        static func status(
            _ value: String,
            _ status: String,
            _ reason: String? = nil,
            advice: String? = nil
        ) -> Case {
            let content = AccountFact.Content.templateStatus(
                name: "hello",
                language: "en-US",
                status: status,
                reason: reason,
                advice: advice
            )
            return Case("message_template_status_update", "{\(value),\(template)}", content)
        }
    }

    @Test(arguments: [
        Case.status(#""event":"APPROVED","reason":"NONE""#, "APPROVED"),
        Case.status(#""event":"ARCHIVED","reason":null"#, "ARCHIVED"),
        Case.status(#""event":"LOCKED""#, "LOCKED"),
        Case.status(#""event":"FLAGGED","disable_info":{"disable_date":1790009999}"#, "FLAGGED"),
        Case.status(
            #""event":"PAUSED","other_info":{"title":"FIRST_PAUSE","description":"Low quality"}"#,
            "PAUSED",
            "FIRST_PAUSE: Low quality"
        ),
        Case.status(#""event":"UNPAUSED","other_info":{"title":"UNPAUSE"}"#, "APPROVED"),
        Case.status(
            #""event":"REJECTED","reason":"INVALID_FORMAT","rejection_info":{"reason":"a","recommendation":"b"}"#,
            "REJECTED",
            "INVALID_FORMAT: a: b",
            advice: "b"
        ),
        Case(
            "message_template_quality_update",
            #"{"previous_quality_score":"GREEN","new_quality_score":"RED",\#(template)}"#,
            .templateQuality(name: "hello", language: "en-US", "RED")
        ),
        Case(
            "template_category_update",
            #"{"new_category":"UTILITY","correct_category":"MARKETING","category_update_timestamp":1790086400,\#(template)}"#,
            .templateCategory(name: "hello", language: "en-US", "utility", next: "marketing")
        ),
        Case(
            "template_category_update",
            #"{"previous_category":"UTILITY","new_category":"MARKETING",\#(template)}"#,
            .templateCategory(name: "hello", language: "en-US", "marketing", next: nil)
        ),
        Case(
            "phone_number_quality_update",
            #"{"display_phone_number":"15550001111","event":"UNFLAGGED"}"#,
            .numberQuality(display: "15550001111", event: "UNFLAGGED")
        ),
        Case(
            "business_capability_update",
            #"{"max_daily_conversations_per_business":2000}"#,
            .messagingLimit(2_000)
        ),
        Case(
            "business_capability_update",
            #"{"max_daily_conversations_per_business":"TIER_250","max_phone_numbers_per_business":2}"#,
            .messagingLimit(250)
        ),
        Case("business_capability_update", #"{"max_daily_conversation_per_phone":-1}"#, .messagingLimit(nil)),
        Case(
            "business_capability_update",
            #"{"max_daily_conversations_per_business":"TIER_UNLIMITED"}"#,
            .messagingLimit(nil)
        ),
        Case("business_capability_update", #"{"max_daily_conversations_per_business":"TIER_NOT_SET"}"#, nil),
        Case("business_capability_update", #"{"max_daily_conversations_per_business":"many"}"#, nil),
        Case(
            "account_update",
            #"{"event":"ACCOUNT_RESTRICTION","violation_info":{"violation_type":"UTILITY_TEMPLATE_ABUSE_UNBAN"}}"#,
            .restriction(nil, until: nil)
        ),
        Case(
            "account_update",
            #"{"event":"ACCOUNT_RESTRICTION","violation_info":{"violation_type":"UTILITY_TEMPLATE_ABUSE"}}"#,
            nil
        ),
        Case(
            "account_update",
            #"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_UTILITY_TEMPLATES"}]}"#,
            nil
        ),
        Case("account_update", #"{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"ADULT"}}"#, nil),
    ])
    func isKeptAsAFact(_ example: Case) throws {
        let facts = try Self.report(example.field, example.value).facts
        let expected = example.content.map {
            AccountFact(businessAccountID: "100200300", at: Self.reported, $0)
        }
        #expect(facts == [expected].compactMap(\.self))
    }

    /// A restriction ends at a time that comes as a number, as text, in ISO 8601, or not at all.
    @Test(arguments: [
        ("1790090000", 1_790_090_000), (#""1790090000""#, 1_790_090_000), (#""2026-09-22T16:33:20Z""#, 1_790_094_800),
        ("null", nil), (#""soon""#, nil),
    ])
    func aRestrictionHasAnEnd(text: String, end: Double?) throws {
        let value =
            #"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_ADD_PHONE_NUMBER_ACTION"},"#
            + #"{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":\#(text)}]}"#
        let report = try Self.report("account_update", value)
        let until = end.map(Date.init(timeIntervalSince1970:))
        #expect(
            report.facts.map(\.content) == [.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", until: until)]
        )
        let reason = try #require(report.stops.first?.reason)
        #expect(reason.contains("until") == (end != nil), "\(reason)")
        #expect(report.stops.map(\.subject) == [.account])
    }

    @Test func aRestrictionThatHasEndedStopsNothing() throws {
        let value =
            #"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","#
            + #""expiration":1790000050}]}"#
        #expect(try Self.report("account_update", value).stops.isEmpty)
    }

    /// There `TIER_UNLIMITED` means a higher throughput, and other values are the messaging limit.
    @Test(arguments: [
        (
            #"{"event":"THROUGHPUT_UPGRADE","display_phone_number":"1","max_daily_conversations_per_business":"TIER_UNLIMITED"}"#,
            nil
        ),
        (#"{"event":"ONBOARDING","display_phone_number":"1","max_daily_conversations_per_business":"TIER_2K"}"#, 2_000),
        (#"{"event":"DOWNGRADE","display_phone_number":"1","current_limit":"TIER_250","old_limit":"TIER_2K"}"#, 250),
        (#"{"event":"UPGRADE","display_phone_number":"1","current_limit":"TIER_NOT_SET"}"#, nil),
    ])
    func theQualityOfANumberNamesTheLimit(value: String, limit: Int?) throws {
        let contents = try Self.report("phone_number_quality_update", value).facts.map(\.content)
        #expect(contents.count == (limit == nil ? 1 : 2))
        #expect(contents.contains(.messagingLimit(limit)) == (limit != nil))
    }

    /// The entry of these events has the id of the partner.
    @Test(arguments: ["PARTNER_REMOVED", "ACCOUNT_OFFBOARDED"])
    func aDisconnectedAccountStops(event: String) throws {
        let value =
            #"{"event":"\#(event)","waba_info":{"waba_id":"555","owner_business_id":"7"},"#
            + #""disconnection_info":{"reason":"COMPANION_INACTIVITY","initiated_by":"META"}}"#
        let stop = try #require(try Self.report("account_update", value).stops.first)
        #expect(stop.businessAccountID == "555" && stop.subject == .account)
        #expect(stop.reason.contains("COMPANION_INACTIVITY"))
    }

    @Test(arguments: [("REJECTED", true), ("APPROVED", false)])
    func aRejectedReviewStops(decision: String, stops: Bool) throws {
        let report = try Self.report("account_review_update", #"{"decision":"\#(decision)"}"#)
        #expect(report.stops.isEmpty == !stops)
    }

    /// Calls open the window as messages do, but not those that the business made.
    @Test func aCallOfAContactOpensItsWindow() throws {
        func call(_ id: String, _ direction: String) -> String {
            #"{"id":"wacid.\#(id)","from":"254711000001","to":"15550001111","event":"connect","timestamp":"1790000000","#
                + #""direction":"\#(direction)"}"#
        }
        let value =
            #"{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550001111","phone_number_id":"1001"},"#
            + #""calls":[\#(call("in", "USER_INITIATED")),\#(call("out", "BUSINESS_INITIATED"))]}"#
        let messages = try Self.report("calls", value).messages
        #expect(messages.map(\.id) == ["wacid.in"])
        #expect(messages.first?.at == Self.reported && messages.first?.texts == [])
    }

    @Test func errorsOfWhatsAppAreLogged() throws {
        let value =
            #"{"messaging_product":"whatsapp","metadata":{"phone_number_id":"1001"},"errors":[{"code":130429,"#
            + #""title":"Rate limit hit","message":"Rate limit hit","error_data":{"details":"Too many messages"}}]}"#
        let notices = try Self.payload("messages", value).notices()
        #expect(notices.map(\.text) == ["Error reported by WhatsApp"])
        #expect(notices.first?.metadata["code"] == "130429")
        #expect(notices.first?.metadata["error"] == "Too many messages")
        #expect(notices.first?.metadata["number"] == "1001")
    }

    @Test(arguments: [
        (
            "account_update", #"{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"ADULT"}}"#,
            "violation", "ADULT"
        ),
        (
            "account_update", #"{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"X"}]}"#,
            "restrictions", "X"
        ),
        (
            "account_alerts", #"{"entity_type":"BUSINESS","alert_info":{"alert_type":"OBA_REJECTED"}}"#, "alert",
            "OBA_REJECTED"
        ),
        (
            "business_capability_update", #"{"max_daily_conversations_per_business":"TIER_UNLIMITED"}"#, "limit",
            "unlimited"
        ),
        ("security", #"{"display_phone_number":"1","event":"PIN_CHANGED"}"#, "event", "PIN_CHANGED"),
    ])
    func eventsAreLogged(field: String, value: String, key: String, text: String) throws {
        let notice = try #require(try Self.payload(field, value).notices().first)
        #expect(notice.metadata[key] == text && notice.metadata["account"] == "100200300")
    }

    @Test(arguments: [
        ("account_update", #"{"event":"ACCOUNT_VIOLATION"}"#, "account_update.ACCOUNT_VIOLATION", true),
        ("account_update", #"{"event":"ACCOUNT_SOLD"}"#, "account_update.ACCOUNT_SOLD", false),
        ("message_template_status_update", #"{"event":"LOCKED"}"#, "message_template_status_update.LOCKED", true),
        ("business_capability_update", "{}", "business_capability_update", true),
        ("flows", #"{"event":"FLOW_STATUS_CHANGE"}"#, "flows", true),
        ("teleportation", #"{"event":"x"}"#, "teleportation", false),
        ("messages", #"{"statuses":[{"id":"w","status":"burnt"}]}"#, "status.burnt", false),
    ])
    func eventsAreCountedByType(field: String, value: String, type: String, isKnown: Bool) throws {
        #expect(try Self.payload(field, value).events() == [WebhookEvent(type: type, isKnown: isKnown)])
    }

    @Test func statusesAndMessagesAreNoEvents() throws {
        for status in ["read", "played"] {
            let value = #"{"statuses":[{"id":"w","status":"\#(status)"}]}"#
            #expect(try Self.payload("messages", value).events().isEmpty)
        }
    }

    @Test func unknownTypesAreLoggedOnceADayAndBounded() {
        let unknown = UnknownEvents()
        let start = ContinuousClock.now
        #expect(unknown.note("new field", at: start) == (name: "new_field", isNews: true))
        #expect(unknown.note("new field", at: start + .seconds(86_000)) == (name: "new_field", isNews: false))
        #expect(unknown.note("new field", at: start + .seconds(86_401)) == (name: "new_field", isNews: true))
        let names = Set((0..<200).map { unknown.note("field\($0)", at: start).name })
        #expect(names.count == 50 && names.contains("other"))
    }
}
