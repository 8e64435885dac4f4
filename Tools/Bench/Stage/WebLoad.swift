import BenchKit
import Foundation
import TestBed

/// Sends requests of one kind with wrk, as fast as responses arrive.
struct WebLoad: Sendable {
    /// Kind of request, as `requests.lua` names it.
    enum Kind: String, Sendable { case hello, hook, event, webhook, analytics }

    /// Counters of wrk.
    struct Measurement: Codable, Sendable {
        let perSecond: Double
        /// Milliseconds.
        let p50: Double
        let p99: Double
        /// Answers other than 2xx, and broken connections.
        let failed: Int
        let requests: Int
    }

    let kind: Kind
    let daemon: DaemonProcess
    /// Variables for `requests.lua`.
    let environment: [String: String]

    /// Runs wrk against the daemon.
    ///
    /// - Parameters:
    ///   - seconds: The duration.
    ///   - connections: The number of connections, each with one request at a time.
    ///   - delay: The wait of a connection between a response and its next request, in milliseconds.
    /// - Returns: The counters of wrk.
    /// - Throws: ``BenchError/wrong(_:)`` when a request was refused.
    func run(seconds: Int, connections: Int, delay: Int = 0) async throws -> Measurement {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "requests.lua")
        let own = ["BENCH_NAME": kind.rawValue, "BENCH_DELAY": "\(delay)"]
        let output = try await ChildProcess.run(
            "wrk",
            ["-t1", "-c\(connections)", "-d\(seconds)s", "-s", script.path, daemon.url],
            environment: Servers.environment(environment.merging(own) { $1 })
        )
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("RESULT ") }) else {
            throw TestBedError.command("wrk", output: output)
        }
        let measurement = try JSONDecoder().decode(Measurement.self, from: Data(line.dropFirst(7).utf8))
        guard measurement.failed == 0 else {
            throw BenchError.wrong("\(measurement.failed) requests of \(kind.rawValue) failed")
        }
        return measurement
    }
}
