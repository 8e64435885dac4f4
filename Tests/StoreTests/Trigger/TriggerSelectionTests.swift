import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Campaigns that match an event, found by an index over their conditions.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TriggerSelectionTests {
    /// Contexts that match a configuration, and some that do not.
    struct Sample: Sendable {
        let match: String?
        var taken: [String] = []
        var left: [String] = []
    }

    private static let samples = [
        Sample(match: nil, taken: ["{}", #"{"a":1}"#]),
        Sample(match: "{}", taken: ["{}", #"{"a":1}"#]),
        Sample(
            match: #"{"n":1}"#,
            taken: [#"{"n":1}"#, #"{"n":1.0}"#, #"{"n":10e-1,"m":2}"#],
            left: ["{}", #"{"n":"1"}"#]
        ),
        Sample(match: #"{"n":1.50}"#, taken: [#"{"n":1.5}"#], left: [#"{"n":1.51}"#, #"{"m":1.5}"#]),
        Sample(match: #"{"n":0}"#, taken: [#"{"n":0}"#, #"{"n":-0.0}"#], left: [#"{"n":false}"#, #"{"n":null}"#]),
        Sample(match: #"{"b":true}"#, taken: [#"{"b":true}"#], left: [#"{"b":false}"#, #"{"b":"true"}"#, #"{"b":1}"#]),
        Sample(
            match: #"{"s":"caf\u00e9"}"#,
            taken: [#"{"s":"cafe\u0301"}"#, #"{"s":"café"}"#],
            left: [#"{"s":"cafe"}"#]
        ),
        Sample(match: #"{"cafe\u0301":"x"}"#, taken: [#"{"caf\u00e9":"x"}"#], left: [#"{"cafe":"x"}"#]),
        Sample(match: #"{"s":""}"#, taken: [#"{"s":""}"#], left: ["{}", #"{"s":" "}"#]),
        Sample(
            match: #"{"kind":"order","orderId":"o-1234567"}"#,
            taken: [#"{"orderId":"o-1234567","kind":"order"}"#],
            left: [#"{"kind":"order"}"#, #"{"orderId":"o-1234567"}"#, #"{"kind":"order","orderId":"o-1234568"}"#]
        ),
        Sample(match: #"{"o":{"id":5}}"#, taken: [#"{"o":{"id":5,"x":1}}"#], left: [#"{"o":{"id":6}}"#, #"{"id":5}"#]),
        Sample(match: #"{"l":[1,2]}"#, taken: [#"{"l":[1,2]}"#], left: [#"{"l":[1]}"#, #"{"l":1}"#]),
        Sample(
            match: #"{"x":null,"y":"z"}"#,
            taken: [#"{"y":"z"}"#, #"{"y":"z","x":null}"#],
            left: [#"{"y":"z","x":1}"#]
        ),
    ]

    @Test func theIndexFindsWhatTheComparisonTakes() async throws {
        try await Fixture.with { fixture in
            for (number, sample) in Self.samples.enumerated() {
                try await fixture.addTriggered("c\(number)", match: sample.match)
            }
            try await fixture.addContacts(1, at: Date())
            for (number, sample) in Self.samples.enumerated() {
                for context in sample.taken {
                    let campaigns = try await fixture.campaigns(taking: JSONValue(parsing: context))
                    #expect(campaigns.contains("c\(number)"), "\(sample.match ?? "") takes \(context)")
                }
                for context in sample.left {
                    let campaigns = try await fixture.campaigns(taking: JSONValue(parsing: context))
                    #expect(!campaigns.contains("c\(number)"), "\(sample.match ?? "") leaves \(context)")
                }
            }
            #expect(try await fixture.campaigns(taking: nil) == ["c0", "c1"])
        }
    }

    @Test func manyCampaignsForOneEventAreNotRead() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let campaign = try await fixture.addTriggered(match: #"{"product":"p-77"}"#)
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns (
                    "tenantId", name, type, status, "senderId", "messageTemplate", "audienceFilter", "triggerType", "triggerConfig"
                )
                SELECT "tenantId", 'other-' || n, type, 'running', "senderId", "messageTemplate", "audienceFilter",
                    CASE n % 2 WHEN 0 THEN "triggerType" ELSE 'other.' || n END,
                    jsonb_build_object('product', 'p-' || n + 1000, 'kind', 'same for all')
                FROM campaigns, generate_series(1, 6000) n WHERE id = \(campaign)
                """
            )
            try await fixture.addContacts(1, at: Date())
            try await fixture.pool.execute("VACUUM ANALYZE campaigns")
            let request = TriggerRequest(
                contactID: Fixture.phone(1),
                context: ["product": "p-77", "kind": "same for all", "amount": 5]
            )
            // The first event opens the standing run. After five events Postgres uses a generic plan, which
            // assumes one campaign per event.
            for _ in 1...8 {
                #expect(try await fixture.fire([request])[0].matched.map(\.campaignId) == [campaign])
            }
            let before = try await fixture.rowsRead(of: ["campaigns", "campaign_runs"])
            #expect(try await fixture.fire([request])[0].matched.map(\.campaignId) == [campaign])
            let read = try await fixture.rowsRead(of: ["campaigns", "campaign_runs"]) - before
            #expect(read < 20, "\(read) campaigns and runs were read")
        }
    }

    @Test func sixtyCampaignsForOneEventAllTakeIt() async throws {
        try await Fixture.with { fixture in
            for number in 1...60 {
                try await fixture.addTriggered("c\(number)", cooldown: number.isMultiple(of: 2) ? "1h" : nil)
            }
            try await fixture.addContacts(2, at: Date())
            let requests = (1...2).map { TriggerRequest(contactID: Fixture.phone($0)) }
            let first = try await fixture.fire(requests)
            #expect(first.map { Set($0.matched.map(\.campaign)).count } == [60, 60])
            let second = try await fixture.fire(requests)
            #expect(second.map(\.matched.count) == [30, 30])
            #expect(second.map { $0.refused.count { $0.reason == .cooldown } } == [30, 30])
        }
    }
}
