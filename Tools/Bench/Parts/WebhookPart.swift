import BenchKit
import Crypto
import Foundation
import Postgres
import TestBed

/// Status webhooks, each with one status that changes a message, beside a hello route of the same server.
struct WebhookPart: Sendable {
    private static let connections = 64

    let plan: BenchPlan

    func measure() async throws -> PartResults {
        let seconds = plan.pick(quick: 3, full: 8)
        let rounds = plan.pick(quick: 1, full: 3)
        // Each status must be new, because a repeated one changes nothing.
        let count = 30_000 * (seconds + 1) * rounds / 2
        return try await Stage.with("webhook", on: plan.servers) { stage in
            plan.say("webhook: adding \(count) messages")
            try await stage.addContacts(count)
            try await stage.addSender(ratePerSecond: 1)
            let campaign = try await stage.addFinished("sent", count: count)
            try await stage.addSentMessages(of: campaign, count: count)
            let file = plan.servers.folder.appending(path: "webhooks.txt")
            try write(count, into: file)
            let daemon = try await DaemonProcess.start(on: stage)
            let hello = try await HTTPPart.load(stage, daemon)(.hello)
            var (hellos, webhooks): ([WebLoad.Measurement], [WebLoad.Measurement]) = ([], [])
            var effort: Effort?
            var first = 0
            for _ in 1...rounds {
                hellos.append(try await hello.run(seconds: seconds, connections: Self.connections))
                let load = WebLoad(
                    kind: .webhook,
                    daemon: daemon,
                    environment: ["BENCH_WEBHOOKS": file.path, "BENCH_FIRST": "\(first)"]
                )
                let before = try await delivered(stage)
                let mark = try await stage.mark([("campaignd", daemon.processID)])
                let measurement = try await load.run(seconds: seconds, connections: Self.connections)
                effort = try await stage.mark([("campaignd", daemon.processID)]) - mark
                let changed = try await delivered(stage) - before
                guard changed >= measurement.requests, changed <= measurement.requests + Self.connections else {
                    throw BenchError.wrong("\(changed) statuses were committed of \(measurement.requests)")
                }
                first += changed + Self.connections
                webhooks.append(measurement)
                plan.say("webhook: \(Int(measurement.perSecond))/s, hello \(Int(hellos.last?.perSecond ?? 0))/s")
            }
            try await daemon.stop()
            return PartResults([
                ReportRow(
                    part: "webhook",
                    what: "status webhooks, committed",
                    unit: .perSecond,
                    ours: try Samples(webhooks.map(\.perSecond)),
                    floor: .init("a hello route of the same server", try Samples(hellos.map(\.perSecond))),
                    targets: [.value(.atLeast, 10_000)],
                    details: [
                        ("connections", "\(Self.connections), one status in each request"),
                        ("p99", ReportUnit.milliseconds.text(try Samples(webhooks.map(\.p99)).median)),
                    ] + (effort?.details(per: webhooks[webhooks.count - 1].requests, of: "statuses") ?? []),
                    costs: effort?.costs(per: webhooks[webhooks.count - 1].requests) ?? []
                )
            ])
        }
    }

    private func delivered(_ stage: Stage) async throws -> Int {
        try await stage.number("SELECT sum(delivered)::bigint FROM campaign_runs")
    }

    /// Writes one line for each webhook: its signature, a space, its body.
    private func write(_ count: Int, into file: URL) throws {
        let key = SymmetricKey(data: Data("bench-secret".utf8))
        var text = ""
        text.reserveCapacity(count * 420)
        for number in 1...count {
            let body =
                #"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"#
                + #""messaging_product":"whatsapp","metadata":{"display_phone_number":"1001","phone_number_id":"1001"},"#
                + #""statuses":[{"id":"wamid.\#(number)","status":"delivered","timestamp":"1750030073","#
                + #""recipient_id":"254700000001"}]}}]}]}"#
            for byte in HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: key) {
                text += byte < 16 ? "0" : ""
                text += String(byte, radix: 16)
            }
            text += " \(body)\n"
        }
        try text.write(to: file, atomically: false, encoding: .utf8)
    }
}
