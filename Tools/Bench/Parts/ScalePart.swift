import BenchKit
import Foundation
import TestBed

/// One, two and four daemons that share one Postgres and one Redis, with four senders without pacing.
struct ScalePart: Sendable {
    private static let senders = 4

    let plan: BenchPlan

    func measure() async throws -> PartResults {
        let each = (plan.size ?? plan.pick(quick: 40_000, full: 200_000)) / Self.senders
        return try await Stage.with("scale", on: plan.servers) { stage in
            try await stage.addContacts(each)
            for sender in 1...Self.senders {
                try await stage.addSender("sender-\(sender)", phone: "\(300_400_500 + sender)")
            }
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            var results: [ReportRow] = []
            for count in [1, 2, 4] {
                let measurements = try await send(stage, receiver, daemons: count, each: each)
                plan.say("scale: \(count) daemons \(measurements.map { Int($0.perSecond) })/s")
                let last = measurements[measurements.count - 1]
                results.append(
                    ReportRow(
                        part: "scale",
                        what: count == 1 ? "one daemon" : "\(count) daemons",
                        unit: .perSecond,
                        ours: try Samples(measurements.map(\.perSecond)),
                        details: last.effort.details(per: last.count, of: "messages"),
                        costs: last.effort.costs(per: last.count)
                    )
                )
            }
            try await receiver.stop()
            return PartResults(results)
        }
    }

    private func send(
        _ stage: Stage,
        _ receiver: ReceiverProcess,
        daemons count: Int,
        each: Int
    ) async throws -> [Delivery.Measurement] {
        var daemons: [DaemonProcess] = []
        for number in 1...count {
            daemons.append(try await DaemonProcess.start(on: stage, receiver: receiver, name: "daemon-\(number)"))
        }
        let delivery = Delivery(stage: stage, receiver: receiver, daemons: daemons)
        var measurements: [Delivery.Measurement] = []
        // The first round warms up all daemons.
        for round in 0...plan.pick(quick: 1, full: 2) {
            try await receiver.reset()
            let names = (1...Self.senders).map { "scale-\(count)-\(round)-\($0)" }
            for (name, sender) in zip(names, 1...Self.senders) {
                try await stage.addCampaign(name, sender: "sender-\(sender)")
            }
            // Quiet hours hold the messages back, so that all campaigns begin together.
            try await stage.setQuiet(true)
            for name in names { _ = try await stage.launch(name) }
            try await stage.setQuiet(false)
            let measurement = try await delivery.follow("scale-\(count)-\(round)-%", count: each * Self.senders)
            if round > 0 { measurements.append(measurement) }
        }
        for daemon in daemons { try await daemon.stop() }
        return measurements
    }
}
