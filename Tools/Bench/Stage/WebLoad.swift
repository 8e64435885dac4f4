import BenchKit
import Foundation

/// Requests of one kind, as fast as wrk gets answers.
struct WebLoad: Sendable {
    /// What to ask for, by the names that `requests.lua` knows.
    enum Kind: String, Sendable { case hello, hook, webhook, analytics }

    /// What wrk has counted.
    struct Outcome: Codable, Sendable {
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
    let folder: URL
    /// What the requests need to know, by the variables of `requests.lua`.
    let environment: [String: String]

    /// - Throws: ``BenchError/wrong(_:)`` when a request was refused.
    func run(seconds: Int, connections: Int) async throws -> Outcome {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "requests.lua")
        let output = try await Child.run(
            try Self.wrk(),
            ["-t1", "-c\(connections)", "-d\(seconds)s", "-s", script.path, daemon.url],
            environment: environment.merging(["BENCH_NAME": kind.rawValue]) { $1 },
            log: folder.appending(path: "wrk.log")
        )
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("RESULT ") }) else {
            throw BenchError.command("wrk", output: output)
        }
        let outcome = try JSONDecoder().decode(Outcome.self, from: Data(line.dropFirst(7).utf8))
        guard outcome.failed == 0 else {
            throw BenchError.wrong("\(outcome.failed) requests of \(kind.rawValue) failed")
        }
        return outcome
    }

    private static func wrk() throws -> String {
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":") {
            if FileManager.default.isExecutableFile(atPath: "\(folder)/wrk") { return "\(folder)/wrk" }
        }
        throw BenchError.missing("wrk", remedy: "run Scripts/bootstrap wrk")
    }
}
