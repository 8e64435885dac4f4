import AsyncHTTPClient
import Crypto
import Foundation
import Logging
import NIOCore
import NIOHTTP1

/// Posts signed statuses until its queue is stopped.
struct WebhookDispatcher: Sendable {
    private static let longestAnswer = 1 << 20

    private let queue: WebhookQueue
    private let key: SymmetricKey
    private let client: HTTPClient
    private let logger: Logger

    init(queue: WebhookQueue, client: HTTPClient, logger: Logger) {
        self.queue = queue
        self.client = client
        self.logger = logger
        key = SymmetricKey(data: Data(queue.configuration.appSecret.utf8))
    }

    /// Posts with the configured number of concurrent requests; cancellation ends those in flight.
    func run() async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<queue.configuration.concurrentRequests {
                group.addTask { await work() }
            }
        }
    }

    private func work() async {
        while !Task.isCancelled {
            switch queue.next(now: MonotonicTime.now(), wall: MonotonicTime.wall()) {
            case .stop: return
            case .wait:
                // Cancellation ends the pause early, and then the loop's condition ends the loop.
                try? await Task.sleep(for: queue.configuration.flushInterval)
            case .post(let batch, let url):
                let isDelivered = await post(batch, to: url)
                queue.settle(batch, isDelivered: isDelivered, now: MonotonicTime.now())
            }
        }
    }

    private func post(_ batch: StatusBatch, to url: String) async -> Bool {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = ["content-type": "application/json", "x-hub-signature-256": signature(of: batch.body)]
        request.body = .bytes(batch.body)
        do {
            let timeout = TimeAmount.nanoseconds(queue.configuration.requestTimeout.nanoseconds)
            let response = try await client.execute(request, timeout: timeout)
            // An unread body would keep its connection from being used again.
            _ = try await response.body.collect(upTo: Self.longestAnswer)
            if response.status == .ok { return true }
            logger.debug("Webhook refused", metadata: ["status": "\(response.status)", "attempt": "\(batch.attempts)"])
        } catch {
            logger.debug("Webhook failed", metadata: ["error": "\(error)", "attempt": "\(batch.attempts)"])
        }
        return false
    }

    private func signature(of body: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array("sha256=".utf8)
        for byte in HMAC<SHA256>.authenticationCode(for: body, using: key) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
