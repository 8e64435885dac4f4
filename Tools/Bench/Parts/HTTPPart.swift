import BenchKit
import Foundation
import Postgres
import TestBed

/// The trigger hook and analytics, beside a hello route of the same server.
struct HTTPPart: Sendable {
    static let contacts = 100_000
    static let connections = 64

    let plan: BenchPlan

    func measure() async throws -> PartResults {
        try await Stage.with("http", on: plan.servers) { stage in
            try await stage.addContacts(Self.contacts)
            // Nothing is sent; only the hook is measured.
            try await stage.addSender(ratePerSecond: 1)
            try await stage.addTriggered("bench.event")
            let big = try await stage.addFinished("big", count: 10_000_000)
            let daemon = try await DaemonProcess.start(on: stage)
            let load = try await Self.load(stage, daemon, campaign: big)
            var (hellos, hooks, analytics): ([WebLoad.Measurement], [WebLoad.Measurement], [WebLoad.Measurement]) = (
                [], [], []
            )
            var committed: [Double] = []
            var effort: Effort?
            let seconds = plan.pick(quick: 3, full: 8)
            // Warms up code and connections.
            _ = try await load(.hook).run(seconds: 1, connections: Self.connections)
            for _ in 1...plan.pick(quick: 1, full: 3) {
                hellos.append(try await load(.hello).run(seconds: seconds, connections: Self.connections))
                let before = try await stage.number("SELECT count(*) FROM trigger_events")
                let mark = try await stage.mark([("campaignd", daemon.processID)])
                let hook = try await load(.hook).run(seconds: seconds, connections: Self.connections)
                effort = try await stage.mark([("campaignd", daemon.processID)]) - mark
                let events = try await stage.number("SELECT count(*) FROM trigger_events") - before
                // wrk closes its connections with a request in flight on each.
                guard events >= hook.requests, events <= hook.requests + Self.connections else {
                    throw BenchError.wrong("\(events) events were committed of \(hook.requests)")
                }
                hooks.append(hook)
                committed.append(hook.perSecond)
                analytics.append(try await load(.analytics).run(seconds: 2, connections: 1))
                plan.say(
                    "http: hook \(Int(hook.perSecond))/s, p99 \(hook.p99) ms, hello \(Int(hellos.last?.perSecond ?? 0))/s"
                )
            }
            try await daemon.stop()
            return PartResults(try rows(hellos, hooks, analytics, effort: effort))
        }
    }

    private func rows(
        _ hellos: [WebLoad.Measurement],
        _ hooks: [WebLoad.Measurement],
        _ analytics: [WebLoad.Measurement],
        effort: Effort?
    ) throws -> [ReportRow] {
        let count = hooks[hooks.count - 1].requests
        return [
            ReportRow(
                part: "http",
                what: "trigger hook, committed",
                unit: .perSecond,
                ours: try Samples(hooks.map(\.perSecond)),
                floor: .init("a hello route of the same server", try Samples(hellos.map(\.perSecond))),
                targets: [.value(.atLeast, 5_000)],
                details: [("connections", "\(Self.connections), one event in each request")]
                    + (effort?.details(per: count, of: "events") ?? []),
                costs: effort?.costs(per: count) ?? []
            ),
            ReportRow(
                part: "http",
                what: "trigger hook, p99",
                unit: .milliseconds,
                ours: try Samples(hooks.map(\.p99)),
                floor: .init("a hello route of the same server", try Samples(hellos.map(\.p99))),
                targets: [.value(.atMost, 20)]
            ),
            ReportRow(
                part: "http",
                what: "analytics of a 10M-message campaign, p99",
                unit: .milliseconds,
                ours: try Samples(analytics.map(\.p99)),
                targets: [.value(.atMost, 5)],
                details: [("half of them", ReportUnit.milliseconds.text(try Samples(analytics.map(\.p50)).median))]
            ),
        ]
    }

    /// Returns a function that makes loads for a daemon of the stage.
    static func load(
        _ stage: Stage,
        _ daemon: DaemonProcess,
        campaign: UUID? = nil,
        contacts: Int = contacts
    ) async throws -> (WebLoad.Kind) -> WebLoad {
        let token = try await stage.command("campaignd", "token", "--tenant", Stage.tenant)
        let environment = [
            "BENCH_JWT": token.trimmingCharacters(in: .whitespacesAndNewlines), "BENCH_CONTACTS": "\(contacts)",
            "BENCH_CAMPAIGN": campaign?.uuidString.lowercased() ?? "",
        ]
        return { WebLoad(kind: $0, daemon: daemon, environment: environment) }
    }
}
