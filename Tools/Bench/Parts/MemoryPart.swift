import BenchKit
import Foundation
import Postgres
import Redis
import Synchronization
import TestBed

/// Memory of a daemon and a lane while a big campaign is launched and sent.
struct MemoryPart: Sendable {
    let plan: BenchPlan

    /// Peak values.
    private struct Peak: Sendable {
        var lane = 0.0
        var keys = 0
        var server = 0.0
    }

    func measure() async throws -> PartResults {
        let count = plan.size ?? plan.pick(quick: 1_000_000, full: 10_000_000)
        let size = ReportUnit.count.text(Double(count))
        return try await Stage.with("memory", on: plan.servers) { stage in
            plan.say("memory: adding \(size) contacts")
            try await stage.addContacts(count)
            try await stage.addSender()
            let campaign = try await stage.addCampaign("big")
            let receiver = try await ReceiverProcess.start(on: plan.servers)
            let daemon = try await DaemonProcess.start(on: stage, receiver: receiver)
            let token = try await stage.command("campaignd", "token", "--tenant", Stage.tenant)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            plan.say("memory: launching")
            let start = ContinuousClock.now
            try await HTTP.post("\(daemon.url)/campaigns/\(campaign.uuidString.lowercased())/send", token: token)
            try await wait(for: "the launch", within: .seconds(1_800), every: .milliseconds(500)) {
                try await stage.number("SELECT count(*) FROM campaign_runs WHERE status = 'running'") == 1
            }
            let launch = (ContinuousClock.now - start).inSeconds
            let launched = ProcessStatistics.peakMegabytes(of: daemon.processID)
            let peak = try await watch(stage, seconds: plan.pick(quick: 8, full: 60))
            let sent = try await receiver.summary().count
            let analytics = try await HTTPPart.load(stage, daemon, campaign: campaign)(.analytics)
                .run(seconds: plan.pick(quick: 2, full: 5), connections: 1)
            let memory = ProcessStatistics.peakMegabytes(of: daemon.processID)
            let rows = try await stage.number("SELECT sum(\"recipientCount\")::bigint FROM campaign_runs")
            try await daemon.stop()
            try await receiver.stop()
            guard rows == count, sent > 0 else { throw BenchError.wrong("\(sent) messages sent of \(rows)") }
            return PartResults([
                ReportRow(
                    part: "memory",
                    what: "daemon memory, run of \(size) recipients",
                    unit: .megabytes,
                    ours: try Samples([memory]),
                    targets: [.value(.atMost, 150)],
                    details: [
                        ("after the launch, which the daemon made", ReportUnit.megabytes.text(launched)),
                        (
                            "the launch",
                            "\(ReportUnit.seconds.text(launch)), \(ReportUnit.microseconds.text(launch / Double(count) * 1e6)) for each recipient"
                        ),
                        ("sent meanwhile", ReportUnit.count.text(Double(sent))),
                    ]
                ),
                ReportRow(
                    part: "memory",
                    what: "Redis memory of its lane",
                    unit: .megabytes,
                    ours: try Samples([peak.lane]),
                    targets: [.value(.atMost, 10)],
                    details: [("keys", "\(peak.keys)"), ("all of Redis", ReportUnit.megabytes.text(peak.server))]
                ),
                ReportRow(
                    part: "memory",
                    what: "analytics of that campaign while it is sent, p99",
                    unit: .milliseconds,
                    ours: try Samples([analytics.p99]),
                    details: [("half of them", ReportUnit.milliseconds.text(analytics.p50))]
                ),
            ])
        }
    }

    /// Samples the memory of Redis while messages are sent.
    private func watch(_ stage: Stage, seconds: Int) async throws -> Peak {
        var peak = Peak()
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            var (bytes, keys) = (0, 0)
            for key in try await stage.redis.send(RedisCommand("KEYS", "*")).asArray() {
                guard let name = key.text else { continue }
                let usage = try await stage.redis.send(RedisCommand("MEMORY", "USAGE", .text(name), "SAMPLES", "0"))
                bytes += try usage.asOptionalInt() ?? 0
                keys += 1
            }
            let info = try await stage.redis.send(RedisCommand("INFO", "memory")).asText()
            let used = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
            peak.lane = max(peak.lane, Double(bytes) / 1_048_576)
            peak.keys = max(peak.keys, keys)
            peak.server = max(peak.server, (used.flatMap { Double($0.dropFirst(12)) } ?? 0) / 1_048_576)
            try await Task.sleep(for: .milliseconds(250))
        }
        return peak
    }
}
