import BenchKit
import Foundation
import Postgres

/// A launch by `campaignd send`, beside one statement that writes the same rows into the same table.
struct LaunchPart: Sendable {
    let plan: BenchPlan

    func measure() async throws -> PartResults {
        let count = plan.size ?? plan.pick(quick: 100_000, full: 1_000_000)
        return try await Stage.with("launch", on: plan.servers) { stage in
            plan.say("launch: adding \(count) contacts")
            try await stage.addContacts(count)
            try await stage.addSender(ratePerSecond: 80)
            var (ours, floors): ([Double], [Double]) = ([], [])
            var effort: Effort?
            for round in 1...plan.pick(quick: 1, full: 3) {
                // The order alternates, so that a warm cache favours neither.
                if round % 2 == 0 { floors.append(try await floor(stage, count: count)) }
                let (seconds, took) = try await launch(stage, round: round, count: count)
                if round % 2 == 1 { floors.append(try await floor(stage, count: count)) }
                ours.append(seconds)
                effort = took
                plan.say("launch: \(Effort.text(seconds)) s, floor \(Effort.text(floors.last ?? 0)) s")
            }
            return PartResults([
                ReportRow(
                    part: "launch",
                    what: "launch of \(ReportUnit.count.text(Double(count))) recipients",
                    unit: .seconds,
                    ours: try Samples(ours),
                    floor: .init(
                        "one INSERT … SELECT of the same rows into the same, empty table",
                        try Samples(floors)
                    ),
                    targets: [.ratio(.atMost, 1.3)],
                    details: (effort?.details(per: count, of: "recipients") ?? [])
                        + [
                            (
                                "each recipient",
                                ReportUnit.microseconds.text((try Samples(ours)).median / Double(count) * 1e6)
                            )
                        ],
                    costs: effort?.costs(per: count) ?? []
                )
            ])
        }
    }

    /// Measures a whole launch: the start of the command, the count of the audience, messages, chunks and counters.
    private func launch(_ stage: Stage, round: Int, count: Int) async throws -> (Double, Effort) {
        let name = "launch-\(round)"
        try await stage.addCampaign(name)
        try await clear(stage)
        let mark = try await stage.mark()
        let seconds = try await stage.launch(name)
        let effort = try await stage.mark() - mark
        try await check(stage, count)
        return (seconds, effort)
    }

    private func floor(_ stage: Stage, count: Int) async throws -> Double {
        try await clear(stage)
        let run = UUID()
        let campaign = try await stage.addCampaign("floor-\(run)")
        let start = ContinuousClock.now
        try await stage.execute(
            """
            INSERT INTO campaign_messages (
                id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated"
            )
            SELECT message_id(\(run), position), \(run)::uuid, position, \(campaign)::uuid, "tenantId", id, "contactId",
                outside
            FROM (
                SELECT id, "tenantId", "contactId", outside,
                    row_number() OVER (ORDER BY outside, "contactId") AS position
                FROM (
                    SELECT c.*, "lastSeen" IS NULL OR "lastSeen" <= now() - interval '24 hours' AS outside
                    FROM contacts c WHERE "tenantId" = \(Stage.tenant) AND "deactivatedAt" IS NULL AND "optedIn"
                ) c
            ) c
            ORDER BY position
            """
        )
        let seconds = (ContinuousClock.now - start).inSeconds
        try await check(stage, count)
        return seconds
    }

    /// Empties the table and finishes the checkpoint, so that both begin alike.
    private func clear(_ stage: Stage) async throws {
        try await stage.execute("TRUNCATE campaign_messages")
        try await stage.execute("CHECKPOINT")
    }

    private func check(_ stage: Stage, _ count: Int) async throws {
        let written = try await stage.number("SELECT count(*) FROM campaign_messages")
        guard written == count else { throw BenchError.wrong("\(written) messages of \(count)") }
    }
}
