import Crypto
import Foundation
import Hummingbird
import JSON
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import TestSupport

/// A server that takes notifications, and answers as a test says.
final class HookReceiver: Sendable {
    struct Post: Sendable {
        let path: String
        let headers: [String: String]
        let body: String

        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }

        /// True if the signature is that of the documents: an HMAC over `<timestamp>.<body>`.
        func isSigned(with secret: String) -> Bool {
            guard let time = headers["x-campaigns-timestamp"] else { return false }
            let key = SymmetricKey(data: Data(secret.utf8))
            let code = HMAC<SHA256>.authenticationCode(for: Data("\(time).\(body)".utf8), using: key)
            return headers["x-campaigns-signature"] == "sha256=" + code.map { String(format: "%02x", $0) }.joined()
        }
    }

    /// The status of an answer, and the seconds after which the receiver wants to be asked again.
    typealias Answer = @Sendable (_ number: Int) -> (status: Int, retryAfter: Int?)

    private let seen = Mutex<[Post]>([])
    private let answer: Answer

    private init(answer: @escaping Answer) { self.answer = answer }

    var posts: [Post] { seen.withLock { $0 } }

    private func take(_ request: Request) async throws -> Response {
        let body = String(buffer: try await request.body.collect(upTo: 1 << 22))
        let headers = Dictionary(request.headers.map { ($0.name.rawName.lowercased(), $0.value) }) { first, _ in first }
        let count = seen.withLock { seen in
            seen.append(Post(path: request.uri.string, headers: headers, body: body))
            return seen.count
        }
        let (status, retryAfter) = answer(count)
        var response = Response(status: .init(code: status))
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        if (300..<400).contains(status) { response.headers[.location] = "https://elsewhere.example/" }
        response.body = ResponseBody(byteBuffer: ByteBuffer(string: String(repeating: "x", count: 100_000)))
        return response
    }

    /// Runs a receiver as long as `body` takes, and hands it the receiver's address, which has no path.
    static func withRunning(
        answer: @escaping Answer = { _ in (200, nil) },
        _ body: (HookReceiver, String) async throws -> Void
    ) async throws {
        let receiver = HookReceiver(answer: answer)
        let ports = AsyncStream<Int>.makeStream()
        let application = Application(
            responder: CallbackResponder { (request: Request, _: BasicRequestContext) in
                try await receiver.take(request)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { ports.continuation.yield($0.localAddress?.port ?? 0) },
            logger: TestDatabase.logger
        )
        let services = ServiceGroup(configuration: .init(services: [application], logger: TestDatabase.logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            var iterator = ports.stream.makeAsyncIterator()
            let port = await iterator.next() ?? 0
            do {
                try await body(receiver, "http://127.0.0.1:\(port)")
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}
