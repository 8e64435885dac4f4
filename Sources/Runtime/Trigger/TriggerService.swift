public import Foundation
public import Logging
import Postgres
public import ServiceLifecycle
public import Store
import Synchronization

/// Turns events into messages, for the HTTP hook and for code in this process alike.
///
/// ```swift
/// let answer = try await triggers.fire(
///     TriggerEvent.ticketPurchased.rawValue,
///     TriggerRequest(contactID: "254712345678", context: ["eventId": "evt-abc"], eventID: "order-17"),
///     tenant: "acme"
/// )
/// ```
///
/// Events that come in while others are being written form the next batch, so that many callers share one commit. A
/// graceful shutdown ends after everything handed in is written.
public final class TriggerService: Service, Sendable {
    /// What is written in one transaction together.
    private struct Kind: Hashable {
        let tenant: String
        let event: String
    }

    private struct Call: Sendable {
        let kind: Kind
        let requests: [TriggerRequest]
        let answered: CheckedContinuation<[TriggerAnswer], any Error>
    }

    /// Batches that several tasks take from.
    private final class Box: Sendable {
        private let batches: Mutex<ArraySlice<[Call]>>

        init(_ batches: ArraySlice<[Call]>) {
            self.batches = Mutex(batches)
        }

        func next() -> [Call]? { batches.withLock { $0.popFirst() } }
    }

    /// Events in one transaction; a single call may bring more.
    private static let largestBatch = 1_000
    /// Kinds of events that are written at the same time.
    private static let width = 3

    private let triggers: TriggerRepository
    private let logger: Logger
    private let now: @Sendable () -> Date
    private let metrics: TriggerMetrics?
    private let committed: @Sendable () -> Void
    /// What waits to be written, by kind and in the order of the kinds; `nil` once nobody writes any more.
    private let waiting = Mutex<[Call]?>([])
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - triggers: Where events become messages.
    ///   - logger: Where it says what it does.
    ///   - now: The present.
    public convenience init(
        triggers: TriggerRepository,
        logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.init(triggers: triggers, logger: logger, now: now, metrics: nil)
    }

    /// Makes a service that counts its events, and tells when there are messages.
    package init(
        triggers: TriggerRepository,
        logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() },
        metrics: TriggerMetrics?,
        committed: @escaping @Sendable () -> Void = {}
    ) {
        self.metrics = metrics
        self.committed = committed
        self.triggers = triggers
        self.logger = logger
        self.now = now
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes an event in, and returns when its messages are committed.
    ///
    /// - Parameters:
    ///   - event: The event's name.
    ///   - request: Whom it is about.
    ///   - tenant: Whose contact that is.
    /// - Returns: What it leads to, or is refused for.
    /// - Throws: `PostgresError` when nothing was committed, `CancellationError` when the service has ended.
    public func fire(_ event: String, _ request: TriggerRequest, tenant: String) async throws -> TriggerAnswer {
        try await fire(event, [request], tenant: tenant)[0]
    }

    /// Takes events of one kind in, all or none.
    ///
    /// - Returns: The answers, in the order of the requests.
    public func fire(_ event: String, _ requests: [TriggerRequest], tenant: String) async throws -> [TriggerAnswer] {
        guard !requests.isEmpty else { return [] }
        return try await withCheckedThrowingContinuation { continuation in
            let call = Call(kind: Kind(tenant: tenant, event: event), requests: requests, answered: continuation)
            let (isOver, isFirst) = waiting.withLock { waiting in
                let isFirst = waiting?.isEmpty ?? false
                waiting?.append(call)
                return (waiting == nil, isFirst)
            }
            // Whoever was first has woken it, and it writes until nothing is left.
            if isOver { continuation.resume(throwing: CancellationError()) } else if isFirst { wake.yield() }
        }
    }

    public func run() async {
        await withGracefulShutdownHandler {
            for await _ in wakeups { await drain() }
        } onGracefulShutdown: {
            self.wake.finish()
        }
        await drain()
        let late = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
        for call in late { call.answered.resume(throwing: CancellationError()) }
    }

    private func drain() async {
        while true {
            let calls = waiting.withLock { waiting in
                defer { if waiting != nil { waiting = [] } }
                return waiting ?? []
            }
            if calls.isEmpty { return }
            await withDiscardingTaskGroup { group in
                let batches = Self.batches(of: calls)
                // A few at a time: each takes a connection.
                let left = Box(batches[...])
                for _ in 0..<min(Self.width, batches.count) {
                    group.addTask {
                        while let batch = left.next() { await self.write(batch) }
                    }
                }
            }
        }
    }

    /// Calls of one kind together, cut where a batch is full.
    private static func batches(of calls: [Call]) -> [[Call]] {
        var batches: [[Call]] = []
        for (_, calls) in Dictionary(grouping: calls, by: \.kind) {
            var batch: [Call] = []
            var size = 0
            for call in calls {
                if size + call.requests.count > largestBatch, !batch.isEmpty {
                    batches.append(batch)
                    (batch, size) = ([], 0)
                }
                batch.append(call)
                size += call.requests.count
            }
            batches.append(batch)
        }
        return batches
    }

    /// Writes calls of one kind; when one of them cannot be written, the others still are.
    private func write(_ batch: [Call]) async {
        let kind = batch[0].kind
        do {
            var answers = try await triggers.fire(
                batch.flatMap(\.requests),
                event: kind.event,
                tenant: kind.tenant,
                now: now()
            )[...]
            committed()
            metrics?.count(Array(answers))
            for call in batch {
                call.answered.resume(returning: Array(answers.prefix(call.requests.count)))
                answers = answers.dropFirst(call.requests.count)
            }
        } catch let error as PostgresError where batch.count > 1 && !error.isTransient {
            for call in batch { await write([call]) }
        } catch {
            logger.error(
                "Events cannot be written; their senders are told to repeat them",
                metadata: ["tenant": "\(kind.tenant)", "event": "\(kind.event)", "error": "\(error)"]
            )
            metrics?.countFailed(batch.reduce(0) { $0 + $1.requests.count })
            for call in batch { call.answered.resume(throwing: error) }
        }
    }
}
