import BenchKit
import Foundation
import Postgres
import TestBed

/// A campaign without pacing, beside an HTTP client alone.
struct DeliverPart: Sendable {
    let plan: BenchPlan

    func measure() async throws -> PartResults {
        let count = plan.size ?? plan.pick(quick: 40_000, full: 200_000)
        return try await Stage.with("deliver", on: plan.servers) { stage in
            plan.say("deliver: adding \(count) contacts")
            try await stage.addContacts(count)
            try await stage.addContacts(1_000, tenant: "warm")
            try await stage.addSender()
            try await stage.addSender(tenant: "warm", phone: "100200300500")
            try await stage.addCampaign("warm", tenant: "warm")
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            let daemon = try await DaemonProcess.start(on: stage, receiver: receiver)
            let delivery = Delivery(stage: stage, receiver: receiver, daemons: [daemon])
            // Warms up connections and caches, as in a daemon that has run for a while.
            _ = try await delivery.send("warm", tenant: "warm", count: 1_000)
            var (measurements, floors): ([Delivery.Measurement], [PostingLoop.Result]) = ([], [])
            var updates: (hot: Int, all: Int) = (0, 0)
            for round in 1...plan.pick(quick: 1, full: 3) {
                try await stage.addCampaign("deliver-\(round)")
                let measurement = try await delivery.send("deliver-\(round)", count: count)
                updates = try await Self.updates(stage)
                let floor = try await self.floor(receiver, connections: measurement.connections, count: count)
                measurements.append(measurement)
                floors.append(floor)
                plan.say("deliver: \(Int(measurement.perSecond))/s, floor \(Int(floor.perSecond))/s")
            }
            let connections = measurements[measurements.count - 1].connections
            let fewer = try await floor(receiver, connections: 64, count: count)
            let own = try await floor(receiver, client: .own, connections: connections, count: count)
            try await daemon.stop()
            try await receiver.stop()
            return PartResults([try row(measurements, floors, fewer: fewer, own: own, updates: updates)])
        }
    }

    private func row(
        _ measurements: [Delivery.Measurement],
        _ floors: [PostingLoop.Result],
        fewer: PostingLoop.Result,
        own: PostingLoop.Result,
        updates: (hot: Int, all: Int)
    ) throws -> ReportRow {
        let last = measurements[measurements.count - 1]
        let floor = floors[floors.count - 1]
        func cpu(_ result: PostingLoop.Result) -> String {
            "\(Effort.text(result.cpuSeconds / Double(result.count) * 10_000)) s per 10,000 messages"
        }
        return ReportRow(
            part: "deliver",
            what: "delivery, no pacing, committed",
            unit: .perSecond,
            ours: try Samples(measurements.map(\.perSecond)),
            floor: .init(
                "AsyncHTTPClient posting the same body over \(last.connections) connections, no database",
                try Samples(floors.map(\.perSecond))
            ),
            targets: [.value(.atLeast, 7_500), .ratio(.atLeast, 0.5)],
            details: [
                ("messages", "\(last.count) in each round, \(last.connections) connections"),
                ("durability", "fsync and synchronous_commit on; the end is the commit of the last outcome"),
            ] + last.effort.details(per: last.count, of: "messages") + [
                ("CPU of the floor's client", cpu(floor)),
                ("floor with 64 connections", ReportUnit.perSecond.text(fewer.perSecond)),
                ("the daemon's own client alone", "\(ReportUnit.perSecond.text(own.perSecond)), CPU \(cpu(own))"),
                (
                    "HOT updates of messages",
                    ReportUnit.percent.text(100 * Double(updates.hot) / Double(max(1, updates.all)))
                ),
            ],
            costs: last.effort.costs(per: last.count)
        )
    }

    private func floor(
        _ receiver: ReceiverProcess,
        client: PostingLoop.Client = .general,
        connections: Int,
        count: Int
    ) async throws -> PostingLoop.Result {
        let body = plan.servers.folder.appending(path: "body.json")
        try await receiver.lastBody().write(to: body)
        try await receiver.reset()
        let output = try await plan.servers.run(
            plan.servers.path(of: "Bench"),
            [
                "post", "--client", client.rawValue, "--url",
                "http://127.0.0.1:\(receiver.port)/v23.0/100200300400/messages", "--body", body.path,
                "--connections", "\(connections)", "--count", "\(count)",
            ]
        )
        return try JSONDecoder().decode(PostingLoop.Result.self, from: Data(output.utf8))
    }

    private static func updates(_ stage: Stage) async throws -> (hot: Int, all: Int) {
        let row = try await stage.pool.query(
            """
            SELECT n_tup_hot_upd, n_tup_upd FROM pg_stat_user_tables WHERE relname = 'campaign_messages'
            """
        )[0]
        return (try row.decode(0), try row.decode(1))
    }
}
