import BenchKit
import Foundation
import Postgres
import TestBed

/// The trigger hook in hard conditions: on a new database that nothing analyzes, and while its messages are sent.
struct HookPart: Sendable {
    let plan: BenchPlan

    func measure() async throws -> PartResults {
        var (colds, warms): ([Double], [Double]) = ([], [])
        var (alones, busies): ([WebLoad.Measurement], [WebLoad.Measurement]) = ([], [])
        var drain = ""
        for _ in 1...plan.pick(quick: 1, full: 3) {
            let (cold, warm) = try await newDatabase()
            colds.append(cold.perSecond)
            warms.append(warm.perSecond)
            plan.say("hook: new database \(Int(cold.perSecond))/s, analyzed \(Int(warm.perSecond))/s")
            let (delay, alone) = try await alone(fastest: warm.perSecond)
            let (busy, text) = try await delivered(delay: delay)
            alones.append(alone)
            busies.append(busy)
            drain = text
            plan.say(
                "hook: at \(Int(alone.perSecond))/s alone p99 \(alone.p99) ms, "
                    + "while delivered \(Int(busy.perSecond))/s p99 \(busy.p99) ms"
            )
        }
        return PartResults([
            ReportRow(
                part: "hook",
                what: "trigger hook on a new database",
                unit: .perSecond,
                ours: try Samples(colds),
                floor: .init("the same database after VACUUM ANALYZE", try Samples(warms)),
                targets: [.ratio(.atLeast, 0.9)],
                details: [
                    ("connections", "\(HTTPPart.connections), one event with an id in each request"),
                    ("statistics", "none at the start, autovacuum off"),
                ]
            ),
            ReportRow(
                part: "hook",
                what: "trigger hook while its messages are sent, p99",
                unit: .milliseconds,
                ours: try Samples(busies.map(\.p99)),
                floor: .init("the hook alone at the same load", try Samples(alones.map(\.p99))),
                targets: [.ratio(.atMost, 3)],
                details: [
                    ("offered", "0.6 × the rate of the hook alone, by 64 connections that wait between requests"),
                    ("events, alone", ReportUnit.perSecond.text(try Samples(alones.map(\.perSecond)).median)),
                    ("events, while sent", ReportUnit.perSecond.text(try Samples(busies.map(\.perSecond)).median)),
                    ("delivery", drain),
                ]
            ),
        ])
    }

    /// Measures the hook from the first event of a new database on, and again when everything is analyzed.
    private func newDatabase() async throws -> (cold: WebLoad.Measurement, warm: WebLoad.Measurement) {
        try await stage(ratePerSecond: 1, isAnalyzed: false) { stage in
            let daemon = try await DaemonProcess.start(on: stage)
            let load = try await HTTPPart.load(stage, daemon)
            // Warms up the server, but not the tables.
            _ = try await load(.hello).run(seconds: 1, connections: HTTPPart.connections)
            let cold = try await load(.event).run(
                seconds: plan.pick(quick: 10, full: 25),
                connections: HTTPPart.connections
            )
            try await stage.execute("VACUUM ANALYZE")
            let warm = try await load(.event).run(
                seconds: plan.pick(quick: 4, full: 8),
                connections: HTTPPart.connections
            )
            try await daemon.stop()
            return (cold, warm)
        }
    }

    /// Measures the hook with a part of its load, while nothing is sent.
    ///
    /// - Parameter fastest: Events per second without waiting.
    /// - Returns: The wait of each connection before a request, in milliseconds, and the measurement.
    /// - Throws: ``BenchError`` when a request was refused.
    private func alone(fastest: Double) async throws -> (delay: Int, measurement: WebLoad.Measurement) {
        try await stage(ratePerSecond: 1) { stage in
            let daemon = try await DaemonProcess.start(on: stage)
            let load = try await HTTPPart.load(stage, daemon)
            let round = Double(HTTPPart.connections) * 1_000 / (0.6 * fastest)
            var delay = max(1, Int(round / 2))
            for _ in 1...2 {
                let trial = try await load(.event).run(seconds: 2, connections: HTTPPart.connections, delay: delay)
                delay = max(1, delay + Int(round - Double(HTTPPart.connections) * 1_000 / trial.perSecond))
            }
            let measurement = try await load(.event).run(
                seconds: plan.pick(quick: 4, full: 10),
                connections: HTTPPart.connections,
                delay: delay
            )
            try await daemon.stop()
            return (delay, measurement)
        }
    }

    /// Measures the hook under the same load, while the same daemon sends the messages to a receiver on this machine.
    private func delivered(delay: Int) async throws -> (measurement: WebLoad.Measurement, drain: String) {
        try await stage(ratePerSecond: 1_000_000) { stage in
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            let daemon = try await DaemonProcess.start(on: stage, receiver: receiver)
            let load = try await HTTPPart.load(stage, daemon)
            for _ in 1...2 {
                _ = try await load(.event).run(seconds: 2, connections: HTTPPart.connections, delay: delay)
            }
            let sent = try await receiver.summary().count
            let seconds = plan.pick(quick: 4, full: 10)
            let measurement = try await load(.event).run(
                seconds: seconds,
                connections: HTTPPart.connections,
                delay: delay
            )
            let meanwhile = try await receiver.summary().count - sent
            let end = ContinuousClock.now
            // Counted each time: the daemon still commits the last events, whose connections the load has closed.
            let eventCount: PostgresQuery = "SELECT count(*) FROM trigger_events"
            try await wait(for: "all outcomes", within: .seconds(120), every: .milliseconds(20)) {
                try await stage.sentCount(of: "bench.event") >= stage.number(eventCount)
            }
            let drained = (ContinuousClock.now - end).inSeconds
            let received = try await receiver.summary().count
            let events = try await stage.number(eventCount)
            guard received == events else { throw BenchError.wrong("\(received) messages were sent of \(events)") }
            try await daemon.stop()
            try await receiver.stop()
            let perSecond = ReportUnit.perSecond.text(Double(meanwhile) / Double(seconds))
            return (measurement, "\(perSecond), the rest within \(ReportUnit.seconds.text(drained)) of the last event")
        }
    }

    /// Runs `body` on a database with contacts and one campaign that waits for the event.
    private func stage<Value>(
        ratePerSecond: Int,
        isAnalyzed: Bool = true,
        _ body: (Stage) async throws -> Value
    ) async throws -> Value {
        try await Stage.with("hook", on: plan.servers) { stage in
            if !isAnalyzed { try await stage.stopAutovacuum() }
            try await stage.addContacts(HTTPPart.contacts, isAnalyzed: isAnalyzed)
            try await stage.addSender(ratePerSecond: ratePerSecond)
            try await stage.addTriggered("bench.event")
            return try await body(stage)
        }
    }
}
