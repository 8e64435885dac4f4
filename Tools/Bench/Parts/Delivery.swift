import BenchKit
import Foundation
import TestBed

/// One campaign sent from end to end, by daemons that run already.
struct Delivery: Sendable {
    /// Measurements of a delivery.
    struct Measurement: Sendable {
        /// From the first request at the receiver to the commit of the last outcome.
        let seconds: Double
        let count: Int
        let connections: Int
        let effort: Effort

        var perSecond: Double { Double(count) / seconds }
    }

    let stage: Stage
    let receiver: ReceiverProcess
    let daemons: [DaemonProcess]

    /// Launches a campaign, waits until Postgres has all outcomes and checks that each recipient got one message.
    func send(_ campaign: String, tenant: String = Stage.tenant, count: Int) async throws -> Measurement {
        try await receiver.reset()
        _ = try await stage.launch(campaign, tenant: tenant)
        return try await follow(campaign, tenant: tenant, count: count)
    }

    /// Waits for campaigns that have been launched.
    ///
    /// - Parameters:
    ///   - campaign: Name or `LIKE` pattern of the campaigns.
    ///   - tenant: Their tenant.
    ///   - count: Number of their messages.
    /// - Returns: The measurements.
    /// - Throws: ``BenchError`` unless each recipient got exactly one message.
    func follow(_ campaign: String, tenant: String = Stage.tenant, count: Int) async throws -> Measurement {
        try await wait(for: "the first message", within: .seconds(60), every: .milliseconds(5)) {
            try await receiver.summary().count > 0
        }
        let mark = try await mark()
        // Enough even at the rate of a single sender.
        let limit = Duration.seconds(60 + count / 60)
        try await wait(for: "\(count) requests", within: limit, every: .milliseconds(50)) {
            try await receiver.summary().count >= count
        }
        try await wait(for: "all outcomes", within: .seconds(60), every: .milliseconds(10)) {
            try await stage.sentCount(of: campaign, tenant: tenant) >= count
        }
        let end = monotonic()
        let effort = try await self.mark() - mark
        let summary = try await receiver.summary()
        guard summary.count == count, summary.distinct == count else {
            throw BenchError.wrong("\(summary.count) requests to \(summary.distinct) recipients of \(count)")
        }
        return Measurement(
            seconds: end - summary.first,
            count: count,
            connections: summary.mostConnections,
            effort: effort
        )
    }

    private func mark() async throws -> EffortMark {
        let numbered = daemons.enumerated().map { index, daemon in
            (daemons.count == 1 ? "campaignd" : "campaignd \(index + 1)", daemon.processID)
        }
        return try await stage.mark(numbered + [("the receiver", receiver.child.processID)])
    }

    private func monotonic() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
