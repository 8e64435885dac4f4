import BenchKit
import Foundation
import TestBed

/// Pace of one sender of 80 messages per second with three daemons, from the receiver's ledger.
struct PacePart: Sendable {
    private static let rate = 80

    let plan: BenchPlan

    func measure() async throws -> PartResults {
        let count = Self.rate * plan.pick(quick: 12, full: 75)
        return try await Stage.with("pace", on: plan.servers) { stage in
            try await stage.addContacts(count)
            try await stage.addSender(ratePerSecond: Self.rate)
            try await stage.addCampaign("pace")
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            var daemons: [DaemonProcess] = []
            for name in ["daemon-1", "daemon-2", "daemon-3"] {
                daemons.append(try await DaemonProcess.start(on: stage, receiver: receiver, name: name))
            }
            let delivery = Delivery(stage: stage, receiver: receiver, daemons: daemons)
            let measurement = try await delivery.send("pace", count: count)
            let ledger = try await receiver.summary(rate: Self.rate)
            for daemon in daemons { try await daemon.stop() }
            try await receiver.stop()
            let share = Double(count - 1) / (ledger.last - ledger.first) / Double(Self.rate) * 100
            plan.say("pace: \(Effort.text(share)) %, busiest second \(ledger.mostInOneSecond)")
            return PartResults([
                ReportRow(
                    part: "pace",
                    what: "pacing at 80/s with 3 daemons: share of the rate",
                    unit: .percent,
                    ours: try Samples([share]),
                    targets: [.value(.atLeast, 95)],
                    details: [
                        ("time", ReportUnit.seconds.text(ledger.last - ledger.first)),
                        ("busiest second", "\(ledger.mostInOneSecond) requests"),
                    ] + measurement.effort.details(per: count, of: "messages")
                ),
                ReportRow(
                    part: "pace",
                    what: "pacing at 80/s with 3 daemons: sliding seconds over it",
                    unit: .count,
                    ours: try Samples([Double(ledger.secondsOver)]),
                    targets: [.value(.atMost, 0)]
                ),
            ])
        }
    }
}
