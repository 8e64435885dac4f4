import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import API

/// The log of a campaign, and its analytics.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct MessageLogTests {
    /// A launched campaign of 53 messages in different states, with counters that agree.
    private static func with(_ body: (APIFixture, _ campaign: String) async throws -> Void) async throws {
        try await APIFixture.with(contacts: 53) { api in
            let id = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(id)/send").status == 202)
            try await api.finishLaunches()
            try await api.pool.execute(
                """
                UPDATE campaign_messages SET
                    status = (ARRAY['pending', 'queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'cancelled',
                        'unconfirmed', 'delivered', 'read'])[1 + position % 11]::campaign_message_status_enum,
                    "sentAt" = now(),
                    "failedAt" = CASE WHEN position % 11 = 6 THEN now() END,
                    "errorCode" = CASE WHEN position % 11 = 6 THEN CASE WHEN position > 30 THEN '131026' ELSE '=1+1' END END,
                    "errorMessage" = CASE WHEN position % 11 = 6 THEN 'It said "no", twice' END
                """
            )
            let statuses = MessageStatus.allCases.map(\.rawValue)
            let sums = statuses.map {
                "\($0) = (SELECT count(*) FROM campaign_messages m WHERE m.\"runId\" = r.id AND m.status = '\($0)')"
            }
            try await api.pool.execute(
                PostgresQuery(sql: "UPDATE campaign_runs r SET \(sums.joined(separator: ", "))")
            )
            try await body(api, id)
        }
    }

    private static func count(_ api: APIFixture, _ condition: String) async throws -> Int {
        let rows = try await api.pool.query(
            PostgresQuery(sql: "SELECT count(*) FROM campaign_messages WHERE \(condition)")
        )
        return try rows[0].decode(0)
    }

    @Test func showsWhichMessagesWhatsAppHoldsBack() async throws {
        try await Self.with { api, id in
            try await api.pool.execute(
                "UPDATE campaign_messages SET \"messageStatus\" = 'held_for_quality_assessment' WHERE position = 3"
            )
            let items = try await api.call("GET", "/campaigns/\(id)/messages").json["items"]
            #expect(items?[2]?["messageStatus"] == "held_for_quality_assessment")
            #expect(items?[1]?["messageStatus"] == nil)
            let csv = try await api.call("GET", "/campaigns/\(id)/messages?format=csv").text
            #expect(csv.contains("messageStatus") && csv.contains("held_for_quality_assessment"))
        }
    }

    @Test func countsTheRowsOfACampaign() async throws {
        try await Self.with { api, id in
            let json = try await api.call("GET", "/campaigns/\(id)/analytics").json
            let accepted = try await Self.count(api, "status IN ('sent', 'delivered', 'read')")
            let arrived = try await Self.count(api, "status IN ('delivered', 'read')")
            let read = try await Self.count(api, "status = 'read'")
            let failed = try await Self.count(api, "status = 'failed'")
            let cancelled = try await Self.count(api, "status = 'cancelled'")
            #expect(json["total"] == 53)
            let pending = try await Self.count(api, "status = 'pending'")
            let queued = try await Self.count(api, "status IN ('queued', 'sending')")
            #expect(json["pending"]?.integerValue == pending)
            #expect(json["queued"]?.integerValue == queued)
            #expect(json["sent"]?.integerValue == accepted)
            #expect(json["delivered"]?.integerValue == arrived - read)
            #expect(json["read"]?.integerValue == read)
            #expect(json["failed"]?.integerValue == failed)
            func rate(_ part: Int, _ whole: Int) -> Double { (Double(part) / Double(whole) * 10_000).rounded() / 100 }
            #expect(json["deliveryRate"] == .number(rate(arrived, accepted)))
            #expect(json["readRate"] == .number(rate(read, accepted)))
            #expect(json["failureRate"] == .number(rate(failed, 53 - cancelled)))
            let others: Set = ["replied", "tapped", "optedOut", "deleted"]
            #expect(json.objectValue?.keys.count { !others.contains($0) } == 10, "those of the contract, and no more")
            let overview = try await api.call("GET", "/campaigns/analytics/overview").json
            #expect(overview["totalCampaigns"] == 1 && overview["activeCampaigns"] == 1)
            #expect(overview["totalMessagesSent"]?.integerValue == accepted)
            #expect(overview["totalDelivered"]?.integerValue == arrived)
            #expect(overview["avgReadRate"] == .number(rate(read, accepted)))
        }
    }

    @Test func answersZeroRatesWithoutMessages() async throws {
        try await APIFixture.with { api in
            let json = try await api.call("GET", "/campaigns/\(try await api.campaign())/analytics").json
            for key in json.objectValue?.keys.sorted() ?? [] {
                #expect(json[key] == .number(0) || json[key] == 0, "\(key)")
            }
            #expect(json["deliveryRate"] != nil)
        }
    }

    @Test func listsEveryMessageOnOnePage() async throws {
        try await Self.with { api, id in
            var positions: [Int] = []
            for page in 1...6 {
                let reply = try await api.call("GET", "/campaigns/\(id)/messages?limit=10&page=\(page)").json
                #expect(reply["total"] == 53)
                positions += (reply["items"]?.arrayValue ?? []).compactMap { $0["position"]?.integerValue }
            }
            #expect(positions == Array(1...53))
            #expect(try await api.call("GET", "/campaigns/\(id)/messages?limit=10&page=7").json["items"] == [])

            var (after, found) = ("", 0)
            repeat {
                let reply = try await api.call("GET", "/campaigns/\(id)/messages?limit=20" + after).json
                found += reply["items"]?.arrayValue?.count ?? 0
                after = reply["next"]?.stringValue.map { "&after=\($0)" } ?? ""
            } while !after.isEmpty
            #expect(found == 53)
        }
    }

    @Test func filtersTheLog() async throws {
        try await Self.with { api, id in
            func total(_ query: String) async throws -> (Int, Int) {
                let json = try await api.call("GET", "/campaigns/\(id)/messages?limit=200&" + query).json
                return (json["total"]?.integerValue ?? -1, json["items"]?.arrayValue?.count ?? -1)
            }
            for status in MessageStatus.allCases {
                let rows = try await Self.count(api, "status = '\(status.rawValue)'")
                #expect(try await total("status=\(status.rawValue)") == (rows, rows))
            }
            let failed = try await Self.count(api, "\"errorCode\" = '131026'")
            #expect(failed > 0)
            #expect(try await total("errorCode=131026") == (failed, failed))
            #expect(try await total("errorCode=1") == (0, 0))
            #expect(try await total("contact=%2B254711000007") == (1, 1))
            #expect(try await total("contact=%2B254711000007&status=failed").0 <= 1)
            #expect(try await total("contact=+254711000007") == (1, 1), "in an address, a plus sign is a space")
            #expect(try await total("contact=254711000007") == (1, 1))
            #expect(try await total("contact=nobody") == (0, 0))
            let page = try await api.call("GET", "/campaigns/\(id)/messages?status=read&limit=2&page=2").json
            #expect(page["items"]?.arrayValue?.count == 2)
        }
    }

    @Test func streamsTheWholeLogAsCSV() async throws {
        try await Self.with { api, id in
            let reply = try await api.call("GET", "/campaigns/\(id)/messages", headers: ["Accept": "text/csv"])
            #expect(reply.header("Content-Type")?.hasPrefix("text/csv") == true)
            let lines = reply.text.components(separatedBy: "\r\n")
            #expect(lines.count == 55, "a header, 53 lines, and nothing after the last end")
            #expect(lines[0].hasPrefix("id,runId,position,contactId,recipientPhone,status"))
            #expect(lines[1].contains(",'+2547"), "a number is no formula")
            #expect(reply.text.contains(",'=1+1,\"It said \"\"no\"\", twice\","), "neither is a code")
            let failed = try await api.call("GET", "/campaigns/\(id)/messages?format=csv&status=failed")
            let failures = try await Self.count(api, "status = 'failed'")
            #expect(
                failed.text.components(separatedBy: "\r\n").count == failures + 2
            )
        }
    }

    @Test(arguments: ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a"])
    func marksFormulasInCSVAsText(cell: String) {
        let quoted = ["\r", "\n"].contains(cell.first) ? "\"'\(cell)\"" : "'\(cell)"
        #expect(CSVText.line(["a", cell, ""]) == "a,\(quoted),\r\n")
    }

    @Test func countsFailuresByReason() async throws {
        try await Self.with { api, id in
            let errors = try await api.call("GET", "/campaigns/\(id)/errors").json.arrayValue ?? []
            var expected: [String: Int] = [:]
            for code in ["131026", "=1+1"] { expected[code] = try await Self.count(api, "\"errorCode\" = '\(code)'") }
            let found = errors.map { ($0["errorCode"]?.stringValue ?? "", $0["count"]?.integerValue ?? 0) }
            #expect(Dictionary(uniqueKeysWithValues: found) == expected)
            #expect(found.map(\.1) == found.map(\.1).sorted(by: >))
        }
    }

    @Test(arguments: [
        (0, 10, [[1, 10]]), (95, 10, [[96, 100], [1, 5]]), (100, 60, [[1, 50], [1, 10]]), (500, 5, []),
        (159, 10, [[10, 10]]),
    ])
    func findsTheRangesOfPositionsOfAPage(offset: Int, count: Int, expected: [[Int]]) {
        let runs = [100, 50, 0, 10].map { PositionRange(run: UUID(), first: 1, last: $0) }
        let ranges = PositionRange.ranges(of: runs, offset: offset, count: count)
        #expect(ranges.map { [$0.first, $0.last] } == expected)
    }
}
