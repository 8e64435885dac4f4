import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ImpactTests {
    private static func campaigns(_ count: Int) -> String {
        let campaigns = (1...count).map { number in
            """
            kind: Campaign
            name: c-\(number)
            type: manual
            sender: main
            message: { type: text, text: { body: Hi } }
            audience: { conditions: [{ field: messageCount, operator: lt, value: \(number) }] }
            """
        }
        return ([Samples.sender] + campaigns).joined(separator: "\n---\n")
    }

    private static func estimate(
        _ text: String,
        _ limits: ImpactEstimator.Limits,
        _ fixture: ReconcilerFixture
    ) async throws -> Plan {
        let desired = try ReconcilerFixture.desired(text)
        return try await fixture.pool.transaction { connection in
            var plan = try await Planner.compare(desired, now: ReconcilerFixture.now, on: connection)
            try await ImpactEstimator.estimate(
                &plan,
                desired,
                now: ReconcilerFixture.now,
                limits: limits,
                on: connection
            )
            return plan
        }
    }

    /// A campaign in one language tells nothing of them.
    @Test func tellsHowManyGetWhichLanguage() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(12, inWindow: 2)
            try await fixture.pool.execute(
                """
                UPDATE contacts SET metadata = CASE right("contactId", 1)::int % 3
                    WHEN 0 THEN '{"language": "fr"}' WHEN 1 THEN '{"language": "sw"}' ELSE '{}' END::jsonb
                """
            )
            let template = "kind: Template\nname: visit\nwhatsappName: visit\nlanguage: en\ncategory: utility\nbody: Hi"
            let campaign = """
                kind: Campaign
                name: visit
                type: manual
                sender: main
                template: visit
                audience: { conditions: [] }
                """
            func plan(_ more: String) async throws -> Plan {
                try await fixture.plan([Samples.sender, template + more, campaign].joined(separator: "\n---\n"))
            }
            let one = try await plan("")
            #expect(one.changes.allSatisfy { $0.impact?.languages == nil })
            #expect(!PlanTextRenderer().text(one).contains("languages:"))
            let two = try await plan("\nlanguages: { fr: { body: Salut } }")
            let words = "8 en, 4 fr; in en are 4 whose language is not there and 4 without one"
            #expect(two.changes.compactMap { $0.impact?.languages?.words } == [words])
            #expect(PlanTextRenderer().text(two).contains("    languages: \(words)\n"))
            #expect(PlanMarkdownRenderer().text(two).contains("languages: \(words)"))
            let json = two.json["changes"]?.arrayValue?.compactMap { $0["impact"]?["languages"] }
            #expect(
                json == [
                    [
                        "fallback": "en", "otherLanguage": 4, "notLanguage": 0, "withoutLanguage": 4,
                        "counts": [["language": "en", "recipients": 8], ["language": "fr", "recipients": 4]],
                    ]
                ]
            )
        }
    }

    /// After the rules of filters changed, the plan tells both counts until the specs are applied.
    @Test func tellsWhomTheFormerRulesOfFiltersSelected() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(45, inWindow: 15)
            try await fixture.pool.execute(
                #"UPDATE contacts SET tags = CASE WHEN "contactId" LIKE '%1' THEN '{vip}' ELSE '{}' END::text[]"#
            )
            let count = try await fixture.pool.query("SELECT count(*) FROM contacts WHERE tags = '{}'")
            let untagged = try count[0].decode(0, as: Int.self)
            let text = Self.campaigns(2).replacing(
                "field: messageCount, operator: lt, value: 2",
                with: "field: tags, operator: is_null"
            )
            #expect(try await fixture.plan(text).accountRemarks == [])
            try await fixture.pool.execute("INSERT INTO former_filters VALUES ('acme'), ('globex')")
            let expected =
                "the rules of filters changed: the audience of acme/Campaign/c-2 has \(untagged) recipients now; "
                + "it had 0 before"
            #expect(untagged > 30)
            #expect(try await fixture.plan(text).accountRemarks == [expected])
            try await fixture.reach(text)
            #expect(try await fixture.plan(text).accountRemarks == [])
            let left = try await fixture.pool.query(#"SELECT "tenantId" FROM former_filters"#)
            #expect(try left.map { try $0.decode(0, as: String.self) } == ["globex"])
        }
    }

    @Test func eachAudienceGetsItsOwnCount() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(45, inWindow: 15)
            try await fixture.pool.execute("UPDATE contacts SET \"messageCount\" = substr(\"contactId\", 5)::int")
            let plan = try await Self.estimate(Self.campaigns(45), ImpactEstimator.Limits(batch: 7), fixture)
            for change in plan.changes where change.identity.kind == .campaign {
                let number = try #require(Int(change.identity.name.dropFirst(2)))
                // Free text reaches only contacts in their window.
                let reached = min(15, number - 1)
                #expect(change.impact?.recipients == reached && change.impact?.inWindow == reached)
                #expect(change.impact?.unreachable == number - 1 - reached)
            }
            #expect(plan.uncountedCampaigns == 0)
        }
    }

    private static let raw = """
        kind: Campaign
        name: raw
        type: manual
        sender: main
        message: { type: template, template: { name: reminder, language: { code: en } } }
        audience: { conditions: [{ field: tags, operator: contains, value: vip }] }
        """

    /// A plan shows the recipients that a launch has, also for a raw message whose template only the database knows.
    @Test func aRawMessageCountsByTheCategoryOfItsTemplate() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(5, inWindow: 0)
            try await fixture.pool.execute(
                """
                UPDATE contacts SET tags = '{vip}', "suppressedLevel" = CASE WHEN "contactId" LIKE '%1' THEN 'marketing' END
                """
            )
            let text = Samples.sender + "\n---\n" + Self.raw
            func impact() async throws -> CampaignImpact? {
                try await Self.estimate(text, ImpactEstimator.Limits(), fixture).changes.compactMap(\.impact).first
            }
            #expect(try await impact()?.recipients == 4)
            #expect(try await impact()?.leftOut == LeftOut([.marketingStopped: 1]))
            #expect(try await impact()?.words.hasSuffix("; left out: 1 stopped marketing messages") == true)
            try await fixture.pool.execute(
                """
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body)
                VALUES ('acme', 'reminder', 'reminder', 'en', 'utility', 'Hi')
                """
            )
            #expect(try await impact()?.recipients == 5)
        }
    }

    @Test func aCampaignThatReachesNobodyIsWarnedOf() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(5, inWindow: 0)
            try await fixture.pool.execute("UPDATE contacts SET tags = '{}'")
            let text = Samples.sender + "\n---\n" + Self.raw
            let plan = try await Self.estimate(text, ImpactEstimator.Limits(), fixture)
            let warning =
                "reaches nobody: 5 contacts, 5 active, 5 opted in, 5 not suppressed, 0 in the audience, 0 reachable"
            #expect(plan.changes.compactMap(\.impact?.warning) == [warning])
            #expect(PlanTextRenderer().text(plan).contains("warning: \(warning)"))
            #expect(PlanMarkdownRenderer().text(plan).contains(warning))
            let impact = plan.json["changes"]?.arrayValue?.compactMap { $0["impact"] }.first
            #expect(impact?["funnel"]?["contacts"] == 5 && impact?["funnel"]?["inAudience"] == 0)
        }
    }

    @Test func uncountedCampaignsAreReported() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Self.campaigns(30)
            let few = try await Self.estimate(text, ImpactEstimator.Limits(audiences: 10, batch: 4), fixture)
            #expect(few.changes.count { $0.impact != nil } == 10)
            #expect(few.uncountedCampaigns == 20)
            let none = try await Self.estimate(text, ImpactEstimator.Limits(time: .zero), fixture)
            #expect(none.uncountedCampaigns == 30)
            // A limit can be checked only by counting, so the time limit does not apply.
            let limited = text + "\n---\n" + Samples.tenant
            let all = try await Self.estimate(limited, ImpactEstimator.Limits(audiences: 10, time: .zero), fixture)
            #expect(all.uncountedCampaigns == 0)
        }
    }

    @Test func theQuotaOfTheLast24HoursIsTakenOff() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Samples.all.replacing("env:TOKEN", with: "env:TOKEN\ntier: 1\nquotaGroup: g")
            let hour = "date_trunc('hour', \(PostgresQuery(sql: "to_timestamp(1760000000)").sql))"
            for (age, tenant, group, count) in [
                (0, "acme", "acme/g", 100), (24, "acme", "acme/g", 20), (1, "other", "acme/g", 3),
                (25, "acme", "acme/g", 5_000), (0, "acme", "acme/h", 7_000), (0, "other", "other/g", 7_000),
            ] {
                try await fixture.pool.execute(
                    """
                    INSERT INTO quota_hours ("quotaGroup", hour, "tenantId", count)
                    VALUES (\(group), \(fragment: PostgresQuery(sql: hour)) - \(age) * interval '1 hour', \(tenant), \(count))
                    """
                )
            }
            let impacts = try await fixture.plan(text).changes.compactMap(\.impact)
            #expect(!impacts.isEmpty && impacts.allSatisfy { $0.quotaLeft == 877 && $0.dailyLimit == 1_000 })
            let unlimited = try await fixture.plan(text.replacing("tier: 1", with: "tier: 4"))
            #expect(unlimited.changes.compactMap(\.impact).allSatisfy { $0.quotaLeft == nil })
        }
    }

    @Test func whatStandsBeforeACampaignAndQuietHoursCount() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(192, inWindow: 0)
            let text = Samples.all
            func seconds(_ text: String) async throws -> Double? {
                try await fixture.plan(text).changes.first { $0.identity.name == "hello" }?.impact?.estimatedSeconds
            }
            let alone = try #require(try await seconds(text))
            #expect(abs(alone - 192 / 76.8) < 0.1)
            try await fixture.reach(text)
            let campaign = text.replacing("title: Hello there", with: "title: Hello you")
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_runs (id, "campaignId", "tenantId", "revisionId", "senderId", status, "isFreeText",
                    "windowCutoff", "launchPhase", "recipientCount", pending)
                SELECT gen_random_uuid(), c.id, c."tenantId", v.id, c."senderId", 'running', false, now(), 'done', 768, 768
                FROM campaigns c JOIN campaign_revisions v ON v."campaignId" = c.id WHERE c.name = 'raw'
                """
            )
            let behind = try #require(try await seconds(campaign))
            #expect(behind > alone + 1 && behind < 960 / 76.8 + 1, "they take turns: \(behind)")
            // It is 08:53:20 in UTC.
            let quiet = "\n---\nkind: Tenant\nname: acme\ntimeZone: UTC\nquietHours: { from: \"08:00\", to: \"09:00\" }"
            let waits = try #require(try await seconds(campaign + quiet))
            #expect(abs(waits - behind - 400) < 1)
        }
    }

    @Test func aThousandAudiencesTakeFewQueries() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.addContacts(100, inWindow: 10)
            let plan = try await fixture.plan(Self.campaigns(600))
            #expect(plan.changes.count { $0.impact != nil } == 500)
            #expect(plan.uncountedCampaigns == 100)
        }
    }
}
