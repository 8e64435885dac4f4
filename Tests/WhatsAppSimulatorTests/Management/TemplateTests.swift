import Foundation
import JSON
import Testing
import WhatsAppSimulator

/// Templates over the management side: what is created, read, edited and deleted, and which sends it allows.
struct TemplateTests {
    @Test func aTemplateIsReviewedAndThenSent() async throws {
        try await ManagementStage.with { stage in
            let answer = try await stage.create(
                ManagementStage.template("offer", ManagementStage.body("Hi {{1}}, we are open.", example: #""Ana""#))
            )
            let id = try #require(answer.json["id"]?.stringValue)
            #expect(answer.json["status"] == "PENDING" && answer.json["category"] == "MARKETING")
            let number = try #require(Int(id))
            #expect(id.count == 16 && Int(exactly: Double(number)) != number, "fits a floating-point number: \(id)")
            let text = #"{"type":"body","parameters":[{"type":"text","text":"Ana"}]}"#
            #expect(try await stage.send("offer", components: text).code == 132_001)
            stage.simulator.advanceClock(by: .seconds(3_600))
            #expect(try await stage.read(id)["status"] == "APPROVED")
            #expect(try await stage.send("offer", components: text).status == 200)
            #expect(try await stage.send("offer").code == 132_000)
            #expect(try await stage.send("offer", language: "fr", components: text).code == 132_001)
            #expect(try await stage.send("unknown").status == 200)
            let change = try await stage.changes("message_template_status_update", count: 1)[0]
            #expect(change["event"] == "APPROVED" && change["message_template_language"] == "en-US")
            #expect(change["message_template_id"] == .integer(number) && change["reason"] == "NONE")
        }
    }

    @Test(
        arguments: [
            ("PAUSED", 132_015), ("DISABLED", 132_016), ("REJECTED", 132_001), ("FLAGGED", nil), ("ARCHIVED", 132_001),
        ] as [(String, Int?)]
    )
    func changesByMetaAreToldAndStopSends(event: String, code: Int?) async throws {
        try await ManagementStage.with { stage in
            let id = try await stage.approved("offer")
            #expect(try await stage.control("template", #"{"id":"\#(id)","event":"\#(event)"}"#).status == 200)
            #expect(try await stage.send("offer").code == code)
            // Webhooks are posted side by side, so that the later one may arrive first.
            let changes = try await stage.changes("message_template_status_update", count: 2)
            let change = try #require(changes.first { $0["event"] == .string(event) })
            if event == "PAUSED" {
                #expect(change["other_info"]?["title"] == "FIRST_PAUSE")
                let answer = try await stage.caller.call(.POST, "/v23.0/\(id)/unpause")
                #expect(answer.json == ["success": true])
                #expect(try await stage.send("offer").status == 200)
                #expect(try await stage.caller.call(.POST, "/v23.0/\(id)/unpause").json["success"] == false)
            }
        }
    }

    @Test(
        arguments: [("FIRST_PAUSE", 3 * 3_600), ("SECOND_PAUSE", 6 * 3_600), ("RATE_LIMITING_PAUSE", nil)]
            as [(String, Int?)]
    )
    func pausesForQualityEndByThemselves(title: String, seconds: Int?) async throws {
        try await ManagementStage.with { stage in
            let id = try await stage.approved("offer")
            _ = try await stage.control("template", #"{"id":"\#(id)","event":"PAUSED","title":"\#(title)"}"#)
            stage.simulator.advanceClock(by: .seconds((seconds ?? 86_400) - 60))
            #expect(try await stage.read(id)["status"] == "PAUSED")
            stage.simulator.advanceClock(by: .seconds(120))
            #expect(try await stage.read(id)["status"] == (seconds == nil ? "PAUSED" : "APPROVED"))
            #expect(try await stage.send("offer").code == (seconds == nil ? 132_015 : nil))
        }
    }

    @Test func decisionsFollowTheirRules() async throws {
        var settings = ManagementStage.slow
        settings.decisions += try ManagementSettings(
            json: Data(
                """
                {"decisions":[{"contains":"sale","category":"MARKETING","isAtCreation":true},
                {"contains":"order","category":"MARKETING"}]}
                """.utf8
            )
        ).decisions
        try await ManagementStage.with(settings) { stage in
            let rejected = try await stage.create(named: "reject_me")
            let atOnce = try await stage.create(ManagementStage.template("sale", category: "UTILITY"))
            #expect(atOnce.json["category"] == "MARKETING")
            let later = try await stage.create(
                ManagementStage.template("order", category: "UTILITY", more: #","message_send_ttl_seconds":600"#)
            )
            #expect(later.json["category"] == "UTILITY")
            let order = try #require(later.json["id"]?.stringValue)
            #expect(try await stage.read(order)["message_send_ttl_seconds"] == 600)
            stage.simulator.advanceClock(by: .seconds(3_600))
            #expect(try await stage.read(rejected)["rejected_reason"] == "INVALID_FORMAT")
            let changed = try await stage.read(order)
            #expect(changed["category"] == "MARKETING" && changed["previous_category"] == "UTILITY")
            #expect(changed["message_send_ttl_seconds"] == nil && changed["correct_category"] == "MARKETING")
            let change = try await stage.changes("template_category_update", count: 1)[0]
            #expect(change["previous_category"] == "UTILITY" && change["new_category"] == "MARKETING")
            let statuses = try await stage.changes("message_template_status_update", count: 3)
            #expect(statuses.contains { $0["event"] == "REJECTED" && $0["rejection_info"]?["reason"] != nil })
        }
    }

    @Test(arguments: [ManagementSettings.WebhookOrder.before, .after])
    func webhooksComeBeforeOrAfterTheSight(order: ManagementSettings.WebhookOrder) async throws {
        var settings = ManagementStage.slow
        settings.webhookLagSeconds = 600
        settings.webhookOrder = order
        try await ManagementStage.with(settings) { stage in
            let id = try await stage.create(named: "offer")
            stage.simulator.advanceClock(by: .seconds(order == .before ? 3_100 : 3_700))
            if order == .before { _ = try await stage.changes("message_template_status_update", count: 1) }
            #expect(try await stage.read(id)["status"] == .string(order == .before ? "PENDING" : "APPROVED"))
            #expect(stage.changes("message_template_status_update").count == (order == .before ? 1 : 0))
            stage.simulator.advanceClock(by: .seconds(600))
            _ = try await stage.changes("message_template_status_update", count: 1)
            #expect(try await stage.read(id)["status"] == "APPROVED")
        }
    }

    @Test func listsHavePagesFiltersAndASummary() async throws {
        try await ManagementStage.with { stage in
            for index in 1...5 { _ = try await stage.create(named: "offer_\(index)") }
            _ = try await stage.create(named: "news", language: "pt_BR", category: "UTILITY")
            var names: [String] = []
            var next: String? = "/v23.0/\(ManagementStage.account)/message_templates?limit=2&name=OFFER&fields=name"
            while let path = next {
                let page = try await stage.caller.call(.GET, path).json
                names += (page["data"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
                #expect(page["data"]?[0]?["status"] == nil && page["data"]?[0]?["id"] != nil)
                next = page["paging"]?["next"]?.stringValue?.replacing(stage.caller.base, with: "")
                if names.count == 2 { _ = try await stage.delete("name=offer_2") }
            }
            #expect(names == (1...5).map { "offer_\($0)" })
            let summary = try await stage.list(
                "summary=total_count,message_template_limit&status=pending&language=pt_BR"
            )
            #expect(summary["data"]?.arrayValue?.count == 1)
            #expect(summary["summary"] == ["total_count": 5, "message_template_limit": 6_000])
            #expect(try await stage.list("limit=0")["error"]?["code"] == 100)
        }
    }

    @Test func editsReplaceAndAreReviewed() async throws {
        try await ManagementStage.with { stage in
            let id = try await stage.create(named: "offer")
            let text = #"{"components":[\#(ManagementStage.body("Hello, we are open."))]}"#
            #expect(try await stage.edit(id, text).subcode == 2_388_039)
            stage.simulator.advanceClock(by: .seconds(3_600))
            #expect(try await stage.edit(id, #"{"category":"UTILITY"}"#).code == 100)
            #expect(try await stage.edit(id, text).json["success"] == true)
            #expect(try await stage.read(id)["status"] == "PENDING")
            #expect(try await stage.send("offer").code == 132_001)
            stage.simulator.advanceClock(by: .seconds(3_600))
            #expect(try await stage.read(id)["components"]?[0]?["text"] == "Hello, we are open.")
            let change = try await stage.changes("message_template_components_update", count: 1)[0]
            #expect(change["message_template_element"] == "Hello, we are open.")
            // One edit of an approved template in 24 hours, ten in 30 days.
            #expect(try await stage.edit(id, text).subcode == 2_388_039)
            for _ in 2...10 {
                stage.simulator.advanceClock(by: .seconds(86_400))
                #expect(try await stage.edit(id, text).status == 200)
            }
            stage.simulator.advanceClock(by: .seconds(86_400))
            #expect(try await stage.edit(id, text).subcode == 2_388_039)
            stage.simulator.advanceClock(by: .seconds(20 * 86_400))
            #expect(try await stage.edit(id, text).status == 200)
        }
    }

    @Test func namesOfDeletedTemplatesAreBarred() async throws {
        try await ManagementStage.with { stage in
            let approved = try await stage.approved("offer")
            let french = try await stage.create(named: "offer", language: "fr")
            #expect(try await stage.create(ManagementStage.template("offer")).subcode == 2_388_024)
            #expect(try await stage.delete("hsm_id=\(french)&name=offer").json == ["success": true])
            #expect(try await stage.create(ManagementStage.template("offer", language: "fr")).subcode == 2_388_023)
            stage.simulator.advanceClock(by: .seconds(120))
            #expect(try await stage.create(ManagementStage.template("offer", language: "fr")).status == 200)
            #expect(try await stage.delete("name=offer").status == 200)
            #expect(try await stage.read(approved)["error"]?["error_subcode"] == 33)
            #expect(try await stage.send("offer").code == 132_001)
            stage.simulator.advanceClock(by: .seconds(29 * 86_400))
            #expect(try await stage.create(ManagementStage.template("offer")).subcode == 2_388_023)
            stage.simulator.advanceClock(by: .seconds(2 * 86_400))
            #expect(try await stage.create(ManagementStage.template("offer")).status == 200)
            let changes = try await stage.changes("message_template_status_update", count: 4)
            #expect(changes.contains { $0["event"] == "PENDING_DELETION" && $0["reason"] == .null })
        }
    }

    @Test func listsOfIdsAreDeletedAsOneAndArchivedEach() async throws {
        try await ManagementStage.with { stage in
            let one = try await stage.approved("one")
            let two = try await stage.approved("two")
            #expect(try await stage.delete("hsm_ids=[\(one),1]").status == 400)
            #expect(try await stage.read(one)["name"] == "one")
            let path = "/\(ManagementStage.account)/message_templates/"
            #expect(try await stage.caller.call(.POST, "/v23.0\(path)archive", "{}").code == 2_500)
            let archived = try await stage.caller.call(.POST, "\(path)archive", #"{"hsm_ids":"\#(one),7"}"#)
            #expect(archived.json["archived_templates"] == [.string(one)])
            #expect(archived.json["failed_templates"]?["7"] != nil)
            #expect(try await stage.send("one").code == 132_001)
            let back = try await stage.caller.call(.POST, "\(path)unarchive", #"{"hsm_ids":["\#(one)"]}"#)
            #expect(back.json["unarchived_templates"] == [.string(one)])
            #expect(try await stage.send("one").status == 200)
            #expect(try await stage.delete("hsm_ids=[\(one),\(two)]").status == 200)
        }
    }

    @Test func recategorisationIsAnnouncedAndThenDone() async throws {
        try await ManagementStage.with { stage in
            let id = try await stage.approved("order", category: "UTILITY")
            let body = #"{"name":"order","language":"en_US","plannedCategory":"MARKETING","seconds":86400}"#
            #expect(try await stage.control("template", body).json["correct_category"] == "MARKETING")
            #expect(try await stage.read(id)["category"] == "UTILITY")
            stage.simulator.advanceClock(by: .seconds(86_400))
            #expect(try await stage.read(id)["category"] == "MARKETING")
            let changes = try await stage.changes("template_category_update", count: 2)
            let planned = try #require(changes.first { $0["category_update_timestamp"] != nil })
            #expect(planned["new_category"] == "UTILITY" && planned["correct_category"] == "MARKETING")
            #expect(changes.contains { $0["previous_category"] == "UTILITY" })
        }
    }
}
