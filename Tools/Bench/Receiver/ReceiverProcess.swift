import BenchKit
import Foundation
import NIOCore

/// A receiver in a process of its own, so that its work is not counted as anybody else's.
struct ReceiverProcess: Sendable {
    let child: Child
    let port: Int

    static func start(on servers: Servers) async throws -> ReceiverProcess {
        let port = try FreePort.find()
        let child = try await Child.start(
            servers.path(of: "Bench"),
            ["receiver", "--port", "\(port)"],
            environment: [:],
            log: servers.folder.appending(path: "receiver.log")
        )
        let receiver = ReceiverProcess(child: child, port: port)
        try await wait(for: "the receiver", within: .seconds(10)) {
            guard child.isRunning else { throw BenchError.command("receiver", output: child.output) }
            return (try? await receiver.summary()) != nil
        }
        return receiver
    }

    /// What has come so far.
    ///
    /// - Parameter rate: Looks for seconds with more requests than these.
    /// - Returns: The ledger's summary.
    /// - Throws: When the receiver does not answer.
    func summary(rate: Int? = nil) async throws -> ReceiverLedger.Summary {
        let body = try await HTTP.get("http://127.0.0.1:\(port)/summary" + (rate.map { "?rate=\($0)" } ?? ""))
        return try JSONDecoder().decode(ReceiverLedger.Summary.self, from: Data(body.readableBytesView))
    }

    func lastBody() async throws -> Data {
        Data(try await HTTP.get("http://127.0.0.1:\(port)/body").readableBytesView)
    }

    func reset() async throws { try await HTTP.post("http://127.0.0.1:\(port)/reset") }

    func stop() async throws { try await child.stop() }
}
