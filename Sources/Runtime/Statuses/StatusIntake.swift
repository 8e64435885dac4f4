import Foundation
package import Logging
import Postgres
import ServiceLifecycle
package import Store
import Synchronization

/// Writes the reports of WhatsApp into messages and contacts, those of many webhooks at a time.
///
/// Webhooks that come in while a batch is being written form the next one. Each learns whether its reports are
/// committed, so that only then WhatsApp is told that they arrived. A graceful shutdown ends after everything handed in
/// is written.
package final class StatusIntake: Service, Sendable {
    private struct Delivery: Sendable {
        let statuses: [DeliveryStatus]
        let inbound: InboundReport
        let since: ContinuousClock.Instant
        let written: CheckedContinuation<Void, any Error>

        var size: Int { statuses.count + inbound.messages.count }
    }

    private static let largestBatch = 1_000
    private static let parkedInterval = Duration.seconds(5)

    private let messages: MessageRepository
    private let inbound: InboundRepository
    private let logger: Logger
    private let metrics: WebhookMetrics?
    private let clock = ContinuousClock()
    private let numbers = KnownNumbers()
    /// What waits to be written; `nil` once nobody writes any more.
    private let waiting = Mutex<[Delivery]?>([])
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    package init(
        messages: MessageRepository,
        inbound: InboundRepository,
        logger: Logger,
        metrics: WebhookMetrics? = nil
    ) {
        self.metrics = metrics
        self.messages = messages
        self.inbound = inbound
        self.logger = logger
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Returns when the reports are committed.
    ///
    /// - Throws: `PostgresError` when they are not, `CancellationError` when the intake has ended; WhatsApp repeats
    ///   them when it is told so.
    package func take(_ statuses: [DeliveryStatus], _ inbound: InboundReport = InboundReport()) async throws {
        guard !statuses.isEmpty || !inbound.isEmpty else { return }
        try await withCheckedThrowingContinuation { continuation in
            let (isOver, isFirst) = waiting.withLock { waiting in
                let isFirst = waiting?.isEmpty ?? false
                waiting?.append(
                    Delivery(statuses: statuses, inbound: inbound, since: clock.now, written: continuation)
                )
                return (waiting == nil, isFirst)
            }
            // Whoever was first has woken it, and it writes until nothing is left.
            if isOver { continuation.resume(throwing: CancellationError()) } else if isFirst { wake.yield() }
        }
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.retryParked() }
            await withGracefulShutdownHandler {
                for await _ in self.wakeups { await self.drain() }
            } onGracefulShutdown: {
                self.wake.finish()
            }
            await self.drain()
            for delivery in self.close() { delivery.written.resume(throwing: CancellationError()) }
        }
    }

    /// - Returns: What came in after the last look.
    private func close() -> [Delivery] {
        waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
    }

    private func drain() async {
        while true {
            let batch = waiting.withLock { waiting in
                var size = 0
                let batch = Array(
                    (waiting ?? []).prefix { delivery in
                        defer { size += delivery.size }
                        return size < Self.largestBatch
                    }
                )
                waiting?.removeFirst(batch.count)
                return batch
            }
            if batch.isEmpty { return }
            await write(batch)
        }
    }

    /// Writes webhooks together; when one of them cannot be written, the others still are.
    private func write(_ batch: [Delivery]) async {
        do {
            let unknown = try await messages.apply(batch.flatMap(\.statuses).foldedByMessage())
            try await messages.park(unknown)
            var report = batch.reduce(into: InboundReport()) { $0.append($1.inbound) }
            report.numbers = numbers.unknown(among: report.numbers, at: clock.now)
            for run in try await inbound.apply(report) {
                logger.error("WhatsApp has stopped something; the campaign is paused", metadata: ["run": "\(run)"])
            }
            numbers.note(report.numbers, at: clock.now)
            note(batch)
            for delivery in batch { delivery.written.resume() }
        } catch let error as PostgresError where batch.count > 1 && !error.isTransient {
            for delivery in batch { await write([delivery]) }
        } catch {
            logger.error("Statuses cannot be written; WhatsApp will repeat them", metadata: ["error": "\(error)"])
            metrics?.countFailed(batch.reduce(0) { $0 + $1.size })
            for delivery in batch { delivery.written.resume(throwing: error) }
        }
    }

    private func note(_ batch: [Delivery]) {
        guard let metrics else { return }
        let oldest = batch.lazy.flatMap(\.statuses).compactMap(\.earliest).min()
        metrics.countWritten(batch.reduce(0) { $0 + $1.size }, oldest: oldest)
        let now = clock.now
        for delivery in batch { metrics.note(now - delivery.since) }
    }

    /// Looks whether the messages of parked reports have become known.
    private func retryParked() async {
        while !Task.isShuttingDownGracefully && !Task.isCancelled {
            do {
                while try await messages.applyParked() > 0 {}
            } catch {
                logger.warning("Parked statuses stay parked", metadata: ["error": "\(error)"])
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(for: Self.parkedInterval) }
        }
    }
}

extension DeliveryStatus {
    /// When the first thing that it reports happened.
    fileprivate var earliest: Date? { [sentAt, deliveredAt, readAt, failedAt].compactMap(\.self).min() }
}
