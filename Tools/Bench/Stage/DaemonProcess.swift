import AsyncHTTPClient
import BenchKit
import Foundation
import NIOCore
import NIOHTTP1

/// One `campaignd run`.
struct DaemonProcess: Sendable {
    let child: Child
    let port: Int

    var processID: Int32 { child.processID }
    var url: String { "http://127.0.0.1:\(port)" }

    /// Starts a daemon and waits until it is ready.
    ///
    /// - Parameters:
    ///   - stage: Whose servers it uses.
    ///   - receiver: Where it sends to; a closed port when there is none.
    ///   - name: Of its log.
    ///   - environment: More of it.
    /// - Returns: The daemon, serving.
    /// - Throws: When it ends, or is not ready in time.
    static func start(
        on stage: Stage,
        receiver: ReceiverProcess? = nil,
        name: String = "daemon",
        environment: [String: String] = [:]
    ) async throws -> DaemonProcess {
        let port = try FreePort.find()
        var own = stage.environment.merging(environment) { $1 }
        own["HTTP_PORT"] = "\(port)"
        own["WHATSAPP_API_URL"] = "http://127.0.0.1:\(receiver?.port ?? 9)/v23.0"
        let child = try await Child.start(
            stage.servers.path(of: "campaignd"),
            ["run"],
            environment: own,
            log: stage.servers.folder.appending(path: "\(name).log")
        )
        let daemon = DaemonProcess(child: child, port: port)
        try await wait(for: "a daemon", within: .seconds(30)) {
            guard child.isRunning else { throw BenchError.command("campaignd run", output: child.output) }
            return (try? await HTTP.get("\(daemon.url)/readyz")) != nil
        }
        return daemon
    }

    func stop() async throws { try await child.stop() }
}

/// Small requests of the bench itself.
enum HTTP {
    /// The body of an answer.
    ///
    /// - Throws: ``BenchError/wrong(_:)`` for any answer but 2xx, and errors of the connection.
    @discardableResult
    static func get(_ url: String) async throws -> ByteBuffer { try await send(HTTPClientRequest(url: url)) }

    @discardableResult
    static func post(_ url: String, json: String = "{}", token: String? = nil) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        request.body = .bytes(ByteBuffer(string: json))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> ByteBuffer {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 22)
        guard (200..<300).contains(response.status.code) else {
            throw BenchError.wrong("\(request.url) answered \(response.status.code): \(String(buffer: body))")
        }
        return body
    }
}
