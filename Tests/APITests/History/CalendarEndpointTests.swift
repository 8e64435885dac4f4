import Calendar
import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import API
@testable import Store

/// The times of schedules that are to come and that have passed, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct CalendarEndpointTests {
    private static func schedule(_ api: APIFixture, _ name: String, _ fields: JSONValue) async throws -> String {
        let id = try await api.campaign(name, ["type": "scheduled", "sender": "main"])
        let reply = try await api.call("POST", "/campaigns/\(id)/schedule", fields)
        #expect(reply.status == 200, "\(reply.text)")
        return id
    }

    @Test func theNextTimesHaveRecipientsAndOverlaps() async throws {
        try await APIFixture.with(contacts: 12) { api in
            let daily: JSONValue = ["cronExpression": "0 9 * * *", "timeZone": "Africa/Nairobi"]
            let digest = try await Self.schedule(api, "digest", daily)
            _ = try await Self.schedule(api, "offer", daily)
            _ = try await Self.schedule(api, "later", ["cronExpression": "0 17 * * *", "timeZone": "Africa/Nairobi"])
            let items = try await api.call("GET", "/schedules?days=7").json["items"]?.arrayValue ?? []
            #expect(items.map { $0["campaign"] } == ["digest", "later", "offer"])
            let first = items[0]
            #expect(first["campaignId"]?.stringValue == digest && first["sender"] == "main")
            #expect(first["expectedRecipients"] == 12 && first["countedAt"] != nil)
            let next = first["next"]?.arrayValue ?? []
            #expect(next.count == 7)
            #expect(next.allSatisfy { $0["overlaps"] == ["offer"] && $0["daylightSaving"] == nil })
            #expect(next.allSatisfy { $0["local"]?.stringValue?.hasSuffix("T09:00") == true }, "\(next)")
            #expect(next.allSatisfy { $0["at"]?.stringValue?.contains("T06:00:00") == true })
            #expect(items[1]["next"]?.arrayValue?.allSatisfy { $0["overlaps"] == nil } == true)
            // The count is kept, and dated.
            try await api.pool.execute("DELETE FROM contacts")
            let again = try await api.call("GET", "/schedules?days=1").json["items"]?[0]
            #expect(again?["expectedRecipients"] == 12 && again?["countedAt"] == first["countedAt"])
            #expect(try await api.call("GET", "/schedules", tenant: "other").json == ["items": []])
        }
    }

    @Test func timesByTheClockOfEachContactHaveTheirZones() async throws {
        try await APIFixture.with(contacts: 3) { api in
            try await api.pool.execute(
                #"INSERT INTO contacts ("tenantId", "contactId", "optedIn") VALUES ('acme', '+5511987654321', true)"#
            )
            let fields: JSONValue = [
                "cronExpression": "0 9 * * *", "timeZone": "Africa/Nairobi", "localTime": true,
            ]
            let id = try await Self.schedule(api, "around", fields)
            let item = try #require(try await api.call("GET", "/schedules").json["items"]?[0])
            #expect(item["localTime"] == true && item["expectedRecipients"] == 4, "\(item)")
            let zones: JSONValue = [
                ["timeZone": "Africa/Nairobi", "contacts": 3], ["timeZone": "America/Sao_Paulo", "contacts": 1],
            ]
            #expect(item["zones"] == zones, "\(item)")
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            try await api.pool.execute(
                """
                UPDATE campaign_runs SET "localTime" = '2026-12-01T09:00', "localZone" = 'Africa/Nairobi'
                """
            )
            try await api.pool.execute(
                """
                INSERT INTO run_zones ("runId", zone, "tenantId", "sendAt", "skipCode", contacts)
                SELECT r.id, z.zone, 'acme', z.at::timestamptz, z.code, z.contacts FROM campaign_runs r, (VALUES
                    ('America/Sao_Paulo', '2026-12-01T12:00:00Z', NULL, 1),
                    ('Africa/Nairobi', '2026-12-01T06:00:00Z', 'local_time_passed', 3)
                ) AS z(zone, at, code, contacts)
                """
            )
            let run = try #require(try await api.call("GET", "/campaigns/\(id)/runs").json["items"]?[0])
            let found = run["zones"]?.arrayValue ?? []
            #expect(found.map { $0["timeZone"] } == ["Africa/Nairobi", "America/Sao_Paulo"], "\(run)")
            #expect(found[0]["skipped"]?.stringValue?.contains("had passed") == true && found[1]["skipped"] == nil)
            #expect(found[1]["sendAt"] == "2026-12-01T12:00:00Z" && found[1]["contacts"] == 1)
        }
    }

    @Test func aCampaignWithATimeOfItsOwnIsListed() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let time = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 86_400).rounded())
            let id = try await Self.schedule(api, "once", ["scheduledAt": .string(time.apiText)])
            let item = try await api.call("GET", "/schedules").json["items"]?[0]
            #expect(item?["id"]?.stringValue == id && item?["cronExpression"] == nil)
            #expect(item?["next"]?[0]?["at"]?.stringValue == time.apiText)
        }
    }

    @Test func thePastHasOutcomesAndReasons() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let id = try await Self.schedule(
                api,
                "digest",
                ["cronExpression": "0 9 * * *", "timeZone": "Africa/Nairobi"]
            )
            try await api.pool.execute(
                """
                INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome, reason)
                SELECT id, '2026-01-01T06:00:00Z'::timestamptz - n * interval '1 day' + (now() - '2026-01-02T00:00:00Z'), 'acme',
                    CASE WHEN n = 0 THEN 'skipped' ELSE 'started' END, CASE WHEN n = 0 THEN 'still open' END
                FROM campaign_schedules, generate_series(0, 99) n
                """
            )
            let page = try await api.call("GET", "/schedules/occurrences?limit=2").json
            #expect(page["total"] == 90)
            let items = page["items"]?.arrayValue ?? []
            #expect(items.map { $0["outcome"] } == ["skipped", "started"])
            #expect(items[0]["reason"] == "still open" && items[0]["campaignId"]?.stringValue == id)
            #expect(items[0]["timeZone"] == "Africa/Nairobi")
            let last = try await api.call("GET", "/schedules/occurrences?days=90&limit=50&page=2").json
            #expect(last["items"]?.arrayValue?.count == 40)
            #expect(try await api.call("GET", "/schedules/occurrences?days=1").json["total"] == 1)
            let other = try await api.call("GET", "/schedules/occurrences", tenant: "other").json
            #expect(other["total"] == 0 && other["items"] == [])
        }
    }

    /// A count that takes too long is left out, and does not keep the answer.
    @Test func aSlowCountIsLeftOut() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let id = try #require(UUID(uuidString: try await api.campaign()))
            let schedules = ScheduleRepository(pool: api.pool)
            #expect(
                try await schedules.expectedRecipients(of: id, tenant: "acme", zone: nil, within: .seconds(5))?
                    .recipients == 1
            )
            #expect(
                try await schedules.expectedRecipients(of: id, tenant: "other", zone: nil, within: .seconds(5)) == nil
            )
            try await api.pool.withConnection { connection in
                try await connection.transaction { connection in
                    try await connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
                    let count = try await schedules.expectedRecipients(
                        of: id,
                        tenant: "acme",
                        zone: nil,
                        within: .milliseconds(50)
                    )
                    #expect(count == nil)
                }
            }
        }
    }

    /// The list is read often: it waits neither for a launch, which locks the campaign, nor for a count of all contacts.
    @Test func schedulesByTheClockOfContactsAreListedWithoutCountingThem() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let fields: JSONValue = ["cronExpression": "0 9 * * *", "timeZone": "Africa/Nairobi", "localTime": true]
            _ = try await Self.schedule(api, "digest", fields)
            try await api.pool.withConnection { connection in
                try await connection.transaction { connection in
                    try await connection.execute("SELECT FROM campaigns FOR UPDATE")
                    try await connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
                    let item = try await api.call("GET", "/schedules").json["items"]?[0]
                    #expect(item?["campaign"] == "digest" && item?["next"]?[0] != nil)
                    #expect(item?["expectedRecipients"] == nil)
                }
            }
        }
    }

    /// A command counts them by zone, and holds up no launch.
    @Test func countingByZoneLocksNoCampaign() async throws {
        try await APIFixture.with(contacts: 1) { api in
            let fields: JSONValue = ["cronExpression": "0 9 * * *", "timeZone": "Africa/Nairobi", "localTime": true]
            _ = try await Self.schedule(api, "digest", fields)
            let schedules = ScheduleRepository(pool: api.pool)
            try await api.pool.withConnection { connection in
                try await connection.transaction { connection in
                    try await connection.execute("SELECT FROM campaigns FOR UPDATE")
                    let found = try await schedules.overview(tenant: "acme", count: 3)
                    #expect(found.map { $0.zones != nil } == [true])
                }
            }
        }
    }

    @Test func longRunsOverlapLaterOnes() throws {
        let (one, two) = (
            CampaignSender(id: UUID(), name: "a", ratePerSecond: 10),
            CampaignSender(id: UUID(), name: "b", ratePerSecond: 10)
        )
        func start(_ second: Double, _ name: String, _ sender: CampaignSender?, _ recipients: Int) -> CalendarStart {
            CalendarStart(
                at: Date(timeIntervalSince1970: second),
                campaign: name,
                sender: sender,
                recipients: recipients
            )
        }
        let starts = [
            start(0, "long", one, 6_000), start(599, "late", one, 10), start(700, "after", one, 10),
            start(300, "elsewhere", two, 10), start(300, "nowhere", nil, 10), start(100, "long", one, 10),
        ]
        #expect(CalendarStart.overlaps(starts) == [["late"], ["long"], [], [], [], []])
    }
}
