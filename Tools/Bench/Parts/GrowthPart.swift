import BenchKit
import Foundation
import Postgres
import Store
import TestBed

/// Cost of one recipient, spec, event and schedule as their number grows.
struct GrowthPart: Sendable {
    let plan: BenchPlan

    func measure() async throws -> PartResults {
        var curves = try await campaigns()
        curves.append(try await plans())
        curves += try await hooks()
        curves += try await schedules()
        return PartResults(curves: curves)
    }

    /// Measures launch and delivery of campaigns of all sizes, each with its own tenant.
    private func campaigns() async throws -> [Curve] {
        let largest = plan.size ?? plan.pick(quick: 100_000, full: 1_000_000)
        let sizes = [10_000, 100_000, 1_000_000, 10_000_000].filter { $0 <= largest }
        return try await Stage.with("growth", on: plan.servers) { stage in
            for size in sizes {
                plan.say("growth: adding \(size) contacts")
                try await stage.addContacts(size, tenant: "t\(size)")
                try await stage.addSender(tenant: "t\(size)", phone: "1002003\(size)")
            }
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            let daemon = try await DaemonProcess.start(on: stage, receiver: receiver)
            let delivery = Delivery(stage: stage, receiver: receiver, daemons: [daemon])
            try await stage.addCampaign("warm", tenant: "t10000")
            _ = try await delivery.send("warm", tenant: "t10000", count: 10_000)
            var (launches, deliveries): ([Curve.Point], [Curve.Point]) = ([], [])
            for size in sizes {
                // Small sizes are repeated, because one stall would dominate them.
                let rounds = size > 100_000 || plan.isQuick ? 1 : 3
                var (launch, rate): ([Double], [Double]) = ([], [])
                for round in 1...rounds {
                    let name = "grown-\(round)"
                    try await stage.addCampaign(name, tenant: "t\(size)")
                    try await receiver.reset()
                    _ = try await stage.launch(name, tenant: "t\(size)")
                    launch.append(try await sinceItBegan(stage, name, tenant: "t\(size)") / Double(size) * 1e6)
                    rate.append(1e6 / (try await delivery.follow(name, tenant: "t\(size)", count: size)).perSecond)
                }
                launches.append(.init(ReportUnit.count.text(Double(size)), try Samples(launch)))
                deliveries.append(.init(ReportUnit.count.text(Double(size)), try Samples(rate)))
                plan.say("growth: \(size): launch \(launch), delivery \(rate) µs per message")
            }
            try await daemon.stop()
            try await receiver.stop()
            return [
                Curve(part: "growth", what: "launch, each recipient", unit: .microseconds, points: launches),
                Curve(part: "growth", what: "delivery, each message", unit: .microseconds, points: deliveries),
            ]
        }
    }

    /// Returns the seconds since the run was created, without the start of the command.
    private func sinceItBegan(_ stage: Stage, _ campaign: String, tenant: String) async throws -> Double {
        let row = try await stage.pool.query(
            """
            SELECT extract(epoch FROM clock_timestamp() - r."createdAt")::float8 FROM campaign_runs r
            JOIN campaigns c ON c.id = r."campaignId" WHERE c."tenantId" = \(tenant) AND c.name = \(campaign)
            """
        )[0]
        return try row.decode(0)
    }

    private func plans() async throws -> Curve {
        var points: [Curve.Point] = []
        for specs in plan.pick(quick: [1_000, 10_000], full: [1_000, 10_000, 50_000]) {
            let measurement = try await ReconcilePart(plan: plan).measure(
                specs: specs,
                rounds: plan.pick(quick: 1, full: 3)
            )
            let each = measurement.plans.map { $0.seconds / Double(specs) * 1e6 }
            points.append(.init(ReportUnit.count.text(Double(specs)), try Samples(each)))
        }
        return Curve(part: "growth", what: "plan, each spec", unit: .microseconds, points: points)
    }

    /// Measures the hook of one campaign beside a growing number of campaigns of the same tenant, which wait for other
    /// events or for the same event with another `match`.
    private func hooks() async throws -> [Curve] {
        try await Stage.with("growth", on: plan.servers) { stage in
            try await stage.addContacts(HTTPPart.contacts)
            try await stage.addSender(ratePerSecond: 1)
            try await stage.addTriggered("bench.event")
            let daemon = try await DaemonProcess.start(on: stage)
            let hook = try await HTTPPart.load(stage, daemon)(.hook)
            _ = try await hook.run(seconds: 1, connections: 8)
            var (latencies, times): ([Curve.Point], [Curve.Point]) = ([], [])
            var waiting = 1
            for campaigns in [1, 100, 10_000] {
                if campaigns > waiting { try await stage.addTriggered(waiting..<campaigns, beside: "bench.event") }
                waiting = campaigns
                try await stage.execute("ANALYZE campaigns")
                let seconds = plan.pick(quick: 2, full: 5)
                let one = try await hook.run(seconds: seconds, connections: 1)
                let many = try await hook.run(seconds: seconds, connections: HTTPPart.connections)
                latencies.append(.init(ReportUnit.count.text(Double(campaigns)), try Samples([one.p50])))
                times.append(.init(ReportUnit.count.text(Double(campaigns)), try Samples([1e6 / many.perSecond])))
                plan.say("growth: hook with \(campaigns) campaigns: \(one.p50) ms, \(Int(many.perSecond))/s")
            }
            try await daemon.stop()
            return [
                Curve(
                    part: "growth",
                    what: "hook, latency (p50)",
                    unit: .milliseconds,
                    points: latencies,
                    note: "sizes are active campaigns of the tenant, one of which waits for the event; one connection"
                ),
                Curve(
                    part: "growth",
                    what: "hook, each event",
                    unit: .microseconds,
                    points: times,
                    note: "the same with \(HTTPPart.connections) connections, time by throughput"
                ),
            ]
        }
    }

    /// Measures the query for due schedules when none is due, and the firing of one.
    private func schedules() async throws -> [Curve] {
        try await Stage.with("growth", on: plan.servers) { stage in
            try await stage.addContacts(10)
            try await stage.addSender(ratePerSecond: 80)
            let schedules = ScheduleRepository(pool: stage.pool)
            var (looks, firings): ([Curve.Point], [Curve.Point]) = ([], [])
            var present = 0
            for count in [100, 10_000, 100_000] {
                try await stage.addSchedules(present..<count)
                present = count
                try await stage.execute("VACUUM ANALYZE campaign_schedules")
                var (look, firing): ([Double], [Double]) = ([], [])
                for round in 0..<20 {
                    look.append(try await milliseconds { _ = try await schedules.untilNext() })
                    try await stage.execute(
                        """
                        UPDATE campaign_schedules SET "nextRunAt" = now() - interval '1 second'
                        WHERE "campaignId" = (SELECT id FROM campaigns WHERE name = \("scheduled-\(round)"))
                        """
                    )
                    var fired = false
                    firing.append(try await milliseconds { fired = try await schedules.fireNext() != nil })
                    guard fired else { throw BenchError.wrong("nothing was fired") }
                    try await stage.execute("UPDATE campaign_runs SET status = 'completed'")
                }
                looks.append(.init(ReportUnit.count.text(Double(count)), try Samples(look)))
                firings.append(.init(ReportUnit.count.text(Double(count)), try Samples(firing)))
                plan.say("growth: \(count) schedules: look \(look[10]) ms, firing \(firing[10]) ms")
            }
            return [
                Curve(part: "growth", what: "schedules, one look, nothing due", unit: .milliseconds, points: looks),
                Curve(
                    part: "growth",
                    what: "schedules, firing the one that is due",
                    unit: .milliseconds,
                    points: firings,
                    note:
                        "ten recipients; the transaction that opens the run, notes the outcome and moves the schedule on"
                ),
            ]
        }
    }

    private func milliseconds(_ body: () async throws -> Void) async throws -> Double {
        let start = ContinuousClock.now
        try await body()
        return (ContinuousClock.now - start).inSeconds * 1_000
    }
}
