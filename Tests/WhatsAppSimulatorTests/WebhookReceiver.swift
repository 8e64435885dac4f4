import Crypto
import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A server that takes webhooks, refuses the first few if asked to, and keeps every body with its signature.
final class WebhookReceiver: Sendable {
    struct Status: Decodable, Sendable, Hashable {
        struct Failure: Decodable, Sendable, Hashable {
            let code: Int
            let title: String
        }
        struct Pricing: Decodable, Sendable, Hashable {
            let category: String
            let pricing_model: String
        }

        let id: String
        let status: String
        let timestamp: String
        let recipient_id: String?
        let biz_opaque_callback_data: String?
        let pricing: Pricing?
        let errors: [Failure]?
    }

    struct Delivery: Sendable {
        let signature: String
        let body: Data
        let statuses: [Status]
        let phoneNumberIDs: [String]
        let isTaken: Bool
    }

    private struct Document: Decodable {
        struct Entry: Decodable { let changes: [Change] }
        struct Change: Decodable { let value: Value }
        struct Value: Decodable {
            let metadata: Metadata?
            let statuses: [Status]?
        }
        struct Metadata: Decodable { let phone_number_id: String }

        let entry: [Entry]
    }

    private let refusals: Int
    private let seen = Mutex<[Delivery]>([])

    private init(refusals: Int) { self.refusals = refusals }

    /// Everything received, also what was refused.
    var deliveries: [Delivery] { seen.withLock { $0 } }
    /// All statuses of requests that were not refused, in the order of their arrival.
    var statuses: [Status] { deliveries.filter(\.isTaken).flatMap(\.statuses) }

    static func isSigned(_ delivery: Delivery, with secret: String) -> Bool {
        let code = HMAC<SHA256>.authenticationCode(for: delivery.body, using: SymmetricKey(data: Data(secret.utf8)))
        return delivery.signature == "sha256=" + code.map { String(format: "%02x", $0) }.joined()
    }

    private func take(_ request: Request) async throws -> Response {
        let body = Data(try await request.body.collect(upTo: 1 << 22).readableBytesView)
        let document = try JSONDecoder().decode(Document.self, from: body)
        let changes = document.entry.flatMap(\.changes)
        let signature = request.headers.first { $0.name.rawName.lowercased() == "x-hub-signature-256" }?.value ?? ""
        let isTaken = seen.withLock { seen in
            let isTaken = seen.count >= refusals
            seen.append(
                Delivery(
                    signature: signature,
                    body: body,
                    statuses: changes.flatMap { $0.value.statuses ?? [] },
                    phoneNumberIDs: changes.compactMap(\.value.metadata?.phone_number_id),
                    isTaken: isTaken
                )
            )
            return isTaken
        }
        return Response(status: isTaken ? .ok : .internalServerError)
    }

    /// Runs a receiver as long as `body` takes and hands it the receiver's address.
    static func withRunning(refusals: Int = 0, _ body: (WebhookReceiver, String) async throws -> Void) async throws {
        let receiver = WebhookReceiver(refusals: refusals)
        let ports = AsyncStream<Int>.makeStream()
        let application = Application(
            responder: CallbackResponder { (request: Request, _: BasicRequestContext) in
                try await receiver.take(request)
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { ports.continuation.yield($0.localAddress?.port ?? 0) },
            logger: .quiet
        )
        let services = ServiceGroup(configuration: .init(services: [application], logger: .quiet))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            var iterator = ports.stream.makeAsyncIterator()
            let port = await iterator.next() ?? 0
            do {
                try await body(receiver, "http://127.0.0.1:\(port)/hook")
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}

extension Logger {
    static var quiet: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return logger
    }
}
