import BenchKit
import Foundation
import Postgres
import Store
import TestBed

/// A thousand senders of 80 messages per second on one daemon: their rate, and their cost when idle.
struct SendersPart: Sendable {
    private static let rate = 80
    private static let recipients = 200

    let plan: BenchPlan

    func measure() async throws -> PartResults {
        let lanes = plan.pick(quick: 200, full: 1_000)
        return try await Stage.with("senders", on: plan.servers) { stage in
            try await stage.addContacts(Self.recipients)
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            let daemon = try await DaemonProcess.start(on: stage, receiver: receiver)
            let before = try await idle(stage, daemon)
            try await daemon.stop()
            plan.say("senders: launching \(lanes) campaigns")
            for lane in 1...lanes {
                let phone = "\(200_300_400_000 + lane)"
                try await stage.addSender("sender-\(lane)", phone: phone, ratePerSecond: Self.rate)
                try await stage.addCampaign("lane-\(lane)", sender: "sender-\(lane)")
            }
            try await launchAll(stage, lanes: lanes)
            let sending = try await DaemonProcess.start(on: stage, receiver: receiver)
            let delivery = Delivery(stage: stage, receiver: receiver, daemons: [sending])
            let measurement = try await delivery.follow("lane-%", count: lanes * Self.recipients)
            let ledger = try await receiver.summary(rate: Self.rate)
            try await wait(for: "the end of all runs", within: .seconds(120), every: .milliseconds(500)) {
                try await stage.number("SELECT count(*) FROM campaign_runs WHERE status <> 'completed'") == 0
            }
            // Lanes are maintained for a few seconds longer, in case a daemon died with leases.
            try await Task.sleep(for: .seconds(15))
            let after = try await idle(stage, sending)
            try await sending.stop()
            try await receiver.stop()
            plan.say("senders: \(Int(measurement.perSecond))/s; idle \(before.text), afterwards \(after.text)")
            return PartResults(try rows(lanes, measurement, ledger, before, after))
        }
    }

    private func rows(
        _ lanes: Int,
        _ measurement: Delivery.Measurement,
        _ ledger: ReceiverLedger.Summary,
        _ before: Idle,
        _ after: Idle
    ) throws -> [ReportRow] {
        [
            ReportRow(
                part: "senders",
                what: "\(ReportUnit.count.text(Double(lanes))) senders of 80/s on one daemon, together",
                unit: .perSecond,
                ours: try Samples([measurement.perSecond]),
                details: [
                    ("messages", "\(Self.recipients) of each sender"),
                    ("busiest second of any sender", "\(ledger.mostInOneSecond) requests"),
                ] + measurement.effort.details(per: measurement.count, of: "messages")
            ),
            ReportRow(
                part: "senders",
                what: "sliding seconds over the rate, all of them",
                unit: .count,
                ours: try Samples([Double(ledger.secondsOver)]),
                targets: [.value(.atMost, 0)]
            ),
            ReportRow(
                part: "senders",
                what: "CPU of an idle daemon that has sent nothing yet",
                unit: .percent,
                ours: try Samples([before.daemon]),
                targets: [.value(.atMost, 1)],
                details: before.details
            ),
            ReportRow(
                part: "senders",
                what: "CPU of the daemon when all of them have finished",
                unit: .percent,
                ours: try Samples([after.daemon]),
                targets: [.value(.atMost, 1)],
                details: after.details
            ),
        ]
    }

    /// Opens and writes all runs; no daemon runs meanwhile.
    private func launchAll(_ stage: Stage, lanes: Int) async throws {
        let launches = LaunchRepository(pool: stage.pool)
        for lane in 1...lanes {
            let opening = try await launches.open(campaign: "lane-\(lane)", tenant: Stage.tenant, now: Date())
            guard case .opened(let run) = opening else { throw BenchError.wrong("lane \(lane) was not launched") }
            while try await launches.writeBatch(of: run.id).run.status == .launching {}
        }
    }

    /// Resources of idle processes.
    private struct Idle {
        /// Percent of a core.
        let daemon: Double
        let postgres: Double
        let redis: Double
        /// Per second.
        let wakeups: Double
        let commands: Double
        let transactions: Double

        var details: [(String, String)] {
            [
                ("Postgres, Redis", "\(Effort.text(postgres)) %, \(Effort.text(redis)) % of a core"),
                ("wake-ups of the daemon's threads", "\(Effort.text(wakeups)) in a second"),
                ("Redis commands", "\(Effort.text(commands)) in a second"),
                ("transactions", "\(Effort.text(transactions)) in a second"),
            ]
        }

        var text: String { "\(Effort.text(daemon)) % CPU, \(Effort.text(commands)) Redis commands/s" }
    }

    private func idle(_ stage: Stage, _ daemon: DaemonProcess) async throws -> Idle {
        try await Task.sleep(for: .seconds(2))
        let (mark, sleeps) = (
            try await stage.mark([("", daemon.processID)]), ProcessStatistics.sleeps(of: daemon.processID)
        )
        try await Task.sleep(for: .seconds(plan.pick(quick: 5, full: 20)))
        let effort = try await stage.mark([("", daemon.processID)]) - mark
        let slept = ProcessStatistics.sleeps(of: daemon.processID) - sleeps
        func share(_ index: Int) -> Double { effort.cpu[index].seconds / effort.seconds * 100 }
        return Idle(
            daemon: share(0),
            postgres: share(1),
            redis: share(2),
            wakeups: slept / effort.seconds,
            commands: effort.redisCommands / effort.seconds,
            transactions: effort.transactions / effort.seconds
        )
    }
}
