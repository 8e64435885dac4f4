import Foundation
import JSON
import Testing
import WhatsAppSimulator

/// Numbers, accounts, subscriptions and tokens.
struct NumberTests {
    @Test func numbersShareTheLimitOfThePortfolio() async throws {
        try await ManagementStage.with(numbers: ["1", "2"]) { stage in
            let path = "/v23.0/\(ManagementStage.account)/phone_numbers?fields=id,quality_rating,"
            let limit = "whatsapp_business_manager_messaging_limit"
            #expect(
                try await stage.control("account", #"{"tier":"TIER_2K","form":"number","names":"both"}"#).status == 200
            )
            let page = try await stage.caller.call(.GET, path + limit).json
            #expect(page["data"]?.arrayValue?.map { $0[limit] } == ["TIER_2K", "TIER_2K"])
            let change = try await stage.changes("business_capability_update", count: 1)[0]
            #expect(change["max_daily_conversations_per_business"] == 2_000)
            #expect(change["max_daily_conversation_per_phone"] == 2_000)
            _ = try await stage.control("account", #"{"tier":"TIER_10K","twice":true}"#)
            let twice = try await stage.changes("business_capability_update", count: 3)
            #expect(twice.count { $0["max_daily_conversations_per_business"] == "TIER_10K" } == 2)
        }
    }

    @Test func aNumberChangesItsQualityAndStatus() async throws {
        try await ManagementStage.with(numbers: ["1"]) { stage in
            let body = #"{"id":"1","quality":"RED","status":"FLAGGED","names":"both","formerTier":"TIER_1K"}"#
            #expect(try await stage.control("number", body).status == 200)
            let number = try await stage.read("1", fields: "quality_rating,status,health_status{can_send_message}")
            #expect(number["quality_rating"] == "RED" && number["status"] == "FLAGGED")
            #expect(number["health_status"]?["can_send_message"] == "BLOCKED" && number["verified_name"] == nil)
            let change = try await stage.changes("phone_number_quality_update", count: 1)[0]
            #expect(change["event"] == "FLAGGED" && change["old_limit"] == "TIER_1K")
            #expect(change["current_limit"] == change["max_daily_conversations_per_business"])
            #expect(try await stage.control("number", #"{"id":"7","quality":"RED"}"#).status == 400)
        }
    }

    @Test func restrictionsAreToldInEachForm() async throws {
        try await ManagementStage.with { stage in
            let kind = #""restrictions":["RESTRICTED_BIZ_INITIATED_MESSAGING"]"#
            for form in ["number", "text", "absent"] {
                _ = try await stage.control("account", #"{\#(kind),"expiration":"\#(form)"}"#)
            }
            let changes = try await stage.changes("account_update", count: 3)
            let ends = changes.map { $0["restriction_info"]?[0]?["expiration"] }
            #expect(ends.contains { $0?.integerValue != nil } && ends.contains { $0?.stringValue != nil })
            #expect(ends.contains { $0 == nil })
            let account = try await stage.read(ManagementStage.account, fields: "health_status,currency")
            #expect(account["health_status"]?["can_send_message"] == "BLOCKED" && account["currency"] == "USD")
            _ = try await stage.control("account", #"{"restrictions":[],"violation":"UTILITY_TEMPLATE_ABUSE_UNBAN"}"#)
            _ = try await stage.control("account", #"{"ban":"DISABLE"}"#)
            let all = try await stage.changes("account_update", count: 5)
            #expect(all.contains { $0["event"] == "ACCOUNT_RESTRICTION" && $0["restriction_info"] == nil })
            let date = all.compactMap { $0["ban_info"]?["waba_ban_date"]?.stringValue }.first ?? ""
            #expect(date.wholeMatch(of: /[A-Z][a-z]+ \d{1,2}, \d{4}/) != nil, "\(date)")
        }
    }

    @Test func subscriptionsDecideWhatIsPosted() async throws {
        try await ManagementStage.with { stage in
            let apps = "/v23.0/\(ManagementStage.account)/subscribed_apps"
            let listed = try await stage.caller.call(.GET, apps).json
            #expect(listed["data"]?[0]?["whatsapp_business_api_data"]?["id"] != nil)
            #expect(try await stage.caller.call(.DELETE, apps).json == ["success": true])
            _ = try await stage.approved("silent")
            let override = #"{"override_callback_uri":"https://a.example/hook","verify_token":"t"}"#
            #expect(try await stage.caller.call(.POST, apps, override).json == ["success": true])
            _ = try await stage.approved("told")
            let changes = try await stage.changes("message_template_status_update", count: 1)
            #expect(changes.map { $0["message_template_name"] } == ["told"])
            let number = try await stage.read("1", fields: "webhook_configuration")
            #expect(number["webhook_configuration"]?["whatsapp_business_account"] == "https://a.example/hook")
            #expect(number["webhook_configuration"]?["application"]?.stringValue?.hasPrefix("http://127.0.0.1") == true)
            try stage.simulator.setWebhookURL("http://127.0.0.1:9/moved")
            let moved = try await stage.read("1", fields: "webhook_configuration")
            #expect(moved["webhook_configuration"]?["application"] == "http://127.0.0.1:9/moved")
            let form =
                "object=whatsapp_business_account&callback_url=https%3A%2F%2Fb.example&fields=messages,account_update"
            let headers = ["authorization": "Bearer a", "content-type": "application/x-www-form-urlencoded"]
            #expect(try await stage.caller.call(.POST, "/v23.0/5/subscriptions", form, headers: headers).status == 200)
            let subscription = try await stage.caller.call(.GET, "/v23.0/5/subscriptions").json["data"]?[0]
            #expect(subscription?["callback_url"] == "https://b.example")
            #expect(subscription?["fields"]?.arrayValue?.map { $0["name"] } == ["messages", "account_update"])
        }
    }

    @Test func tokensAreDescribed() async throws {
        var settings = ManagementStage.slow
        settings.tokenExpiresAt = Int(Date().timeIntervalSince1970) + 600
        try await ManagementStage.with(settings) { stage in
            let path = "/v23.0/debug_token?input_token=secret-token"
            let token = try await stage.caller.call(.GET, path).json["data"]
            #expect(token?["is_valid"] == true && token?["scopes"]?.arrayValue?.count == 2)
            #expect(token?["granular_scopes"]?[0]?["target_ids"] == [.string(ManagementStage.account)])
            stage.simulator.advanceClock(by: .seconds(700))
            #expect(try await stage.caller.call(.GET, path).json["data"]?["is_valid"] == false)
            #expect(try await stage.caller.call(.GET, path, headers: [:]).code == 190)
            #expect(stage.simulator.managementCalls.allSatisfy { !$0.target.contains("secret-token") })
        }
    }
}
