import Foundation
import Store
import Testing

@testable import Runtime

/// Webhooks of WhatsApp, and the check of their signature.
struct WebhookPayloadTests {
    private static let now = Date(timeIntervalSince1970: 2_000_000_000)
    private static let id = UUID()

    private func read(_ json: String) throws -> [DeliveryStatus] {
        try WebhookPayload(parsing: json.utf8).deliveryStatuses(receivedAt: Self.now)
    }

    private func webhook(_ statuses: String) -> String {
        #"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":"#
            + #"{"messaging_product":"whatsapp","metadata":{"phone_number_id":"1"},"statuses":[\#(statuses)]}}]}]}"#
    }

    @Test func readsAStatusWithAllItsFields() throws {
        let statuses = try read(
            webhook(
                """
                {"id":"wamid.1","status":"delivered","timestamp":"1750030073","recipient_id":"5511999990000",
                 "biz_opaque_callback_data":"\(Self.id.uuidString.lowercased())",
                 "conversation":{"id":"c","expiration_timestamp":"1750116480","origin":{"type":"marketing"}},
                 "pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"marketing"}}
                """
            )
        )
        let expected = DeliveryStatus(
            waMessageID: "wamid.1",
            messageID: Self.id,
            rank: .delivered,
            at: Date(timeIntervalSince1970: 1_750_030_073),
            pricing: "regular/marketing"
        )
        #expect(statuses == [expected])
    }

    @Test(arguments: [
        (#"{"billable":false,"type":"free_customer_service","category":"service"}"#, "free_customer_service/service"),
        (#"{"type":"regular","category":"authentication-international"}"#, "regular/authentication-international"),
        (#"{"billable":false,"pricing_model":"CBP","category":"utility"}"#, "free/utility"),
        (#"{"billable":true,"category":"marketing_lite"}"#, "regular/marketing_lite"),
        (#"{"type":"regular"}"#, nil), (#"{"type":"a/b","category":"x y"}"#, nil), ("7", nil),
    ])
    func aPriceIsItsTypeAndCategory(json: String, pricing: String?) throws {
        let statuses = try read(webhook(#"{"id":"w","status":"sent","timestamp":"1","pricing":\#(json)}"#))
        #expect(statuses.first?.pricing == pricing)
    }

    @Test func aFailureKeepsItsCodeAndItsMostPreciseText() throws {
        let errors = [
            (#"{"code":131049,"title":"t","message":"m","error_data":{"details":"d"},"href":"h"}"#, "131049", "d"),
            (#"{"code":131049,"title":"t","message":"m"}"#, "131049", "m"),
            (#"{"code":131049,"title":"t"}"#, "131049", "t"),
            ("{}", "unknown", ""),
        ]
        for (error, code, message) in errors {
            let statuses = try read(webhook(#"{"id":"w","status":"failed","timestamp":"1","errors":[\#(error)]}"#))
            #expect(statuses.first?.rank == .failed)
            #expect(statuses.first?.failure?.code == code)
            #expect(statuses.first?.failure?.message == message)
        }
    }

    @Test(arguments: [
        ("sent", DeliveryStatus.Rank.sent), ("delivered", .delivered), ("read", .read), ("played", .read),
        ("failed", .failed),
    ])
    func knowsTheNamesOfStatuses(name: String, rank: DeliveryStatus.Rank) throws {
        #expect(try read(webhook(#"{"id":"w","status":"\#(name)"}"#)).map(\.rank) == [rank])
    }

    @Test func takesSeveralEntriesChangesAndStatusesInTheirOrder() throws {
        let change = { (ids: [String]) in
            let statuses = ids.map { #"{"id":"\#($0)","status":"sent","timestamp":"1"}"# }.joined(separator: ",")
            return #"{"field":"messages","value":{"statuses":[\#(statuses)]}}"#
        }
        let json =
            #"{"entry":[{"changes":[\#(change(["a", "b"])),\#(change(["c"]))]},{"changes":[\#(change(["d"]))]}]}"#
        #expect(try read(json).map(\.waMessageID) == ["a", "b", "c", "d"])
    }

    @Test(arguments: [
        "{}", #"{"entry":[]}"#, #"{"entry":[{}]}"#, #"{"entry":[{"changes":[]}]}"#, #"{"entry":[{"changes":[{}]}]}"#,
        #"{"entry":[{"changes":[{"field":"messages","value":{"messages":[{"from":"1","type":"text"}]}}]}]}"#,
        #"{"entry":[{"changes":[{"field":"messages","value":{"errors":[{"code":130429}]}}]}]}"#,
        #"{"entry":[{"changes":[{"value":{"statuses":[{"id":"w","status":"warning"}]}}]}]}"#,
        #"{"entry":[{"changes":[{"value":{"statuses":[{"status":"sent"}]}}]}]}"#,
        #"{"entry":[{"changes":[{"field":"new","value":"text"}]}]}"#,
        #"{"entry":[{"changes":[{"field":"new","value":{"statuses":"none"}}]}]}"#,
    ])
    func ignoresUnknownFields(json: String) throws {
        #expect(try read(json).isEmpty)
    }

    @Test func oneOddStatusDoesNotHideTheOthers() throws {
        let statuses = try read(
            webhook(
                #"{"id":7,"status":"sent"},{"id":"a","status":"sent","timestamp":1750030073},"#
                    + #"{"id":"b","status":"read","timestamp":"soon","errors":"none","biz_opaque_callback_data":"other"}"#
            )
        )
        #expect(statuses.map(\.waMessageID) == ["a", "b"])
        #expect(statuses.first?.sentAt == Date(timeIntervalSince1970: 1_750_030_073))
        #expect(statuses.last?.readAt == Self.now)
        #expect(statuses.last?.messageID == nil)
    }

    @Test(arguments: [
        #""odd":1e999"#, #""odd":-1e999"#, #""odd":{"a":[1],"a":2}"#, #""odd":1,"odd":2"#, #""timestamp":1e999"#,
        #""odd":\#(String(repeating: "[", count: 130))\#(String(repeating: "]", count: 130))"#,
    ])
    func unusableFieldsDoNotHideReports(field: String) throws {
        let statuses = try read(
            webhook(#"{\#(field),"id":"a","status":"sent"},{"id":"b","status":"read","timestamp":"1750030073"}"#)
        )
        #expect(statuses.map(\.waMessageID) == ["a", "b"])
        #expect(statuses.first?.sentAt == Self.now)
    }

    @Test(arguments: ["nan", "inf", "-1", "1e300", "9999999999999"])
    func aTimeThatNoClockShowsIsTheTimeOfArrival(timestamp: String) throws {
        let statuses = try read(webhook(#"{"id":"a","status":"sent","timestamp":"\#(timestamp)"}"#))
        #expect(statuses.map(\.sentAt) == [Self.now])
    }
}
