import Foundation
import Logging
import Postgres
import Redis
import Store
import Synchronization

/// Writes what became of messages, many at a time: Postgres first, then the lane.
///
/// Outcomes that come in while a batch is being written form the next one, so batches grow with the load. An outcome
/// is never dropped: while Postgres is away it waits, and with it the permit to take another message in hand. Only cancellation gives
/// up; then the leases stay and run out, and whoever takes them over finds in Postgres that the outcome is missing.
final class OutcomeWriter: Sendable {
    private struct Entry: Sendable {
        let outcome: MessageOutcome
        let isFree: Bool
        /// Who waits for it; `nil` when nobody does.
        let written: CheckedContinuation<Void, Never>?
    }

    private let write: @Sendable ([MessageOutcome]) async throws(PostgresError) -> Void
    private let lane: LaneQueue
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let metrics: SendMetrics?
    private let ended: @Sendable (_ count: Int) -> Void
    /// What waits to be written; `nil` once nobody writes any more.
    private let waiting = Mutex<[Entry]?>([])
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// Makes a writer; ``run()`` must be running for anything to be written.
    ///
    /// - Parameters:
    ///   - record: Puts outcomes into Postgres, all or nothing; may be repeated.
    ///   - lane: Where the leases of the messages are.
    ///   - logger: Hears of what cannot be written.
    ///   - clock: For the pauses between attempts.
    ///   - metrics: Count what was written.
    ///   - ended: Called with how many outcomes were written just now, or given up.
    init(
        record: @escaping @Sendable ([MessageOutcome]) async throws(PostgresError) -> Void,
        lane: LaneQueue,
        logger: Logger,
        clock: any Clock<Duration>,
        metrics: SendMetrics? = nil,
        ended: @escaping @Sendable (_ count: Int) -> Void = { _ in }
    ) {
        write = record
        self.lane = lane
        self.logger = logger
        self.clock = clock
        self.metrics = metrics
        self.ended = ended
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes an outcome in; ``run()`` writes it.
    ///
    /// - Parameters:
    ///   - outcome: What became of the message.
    ///   - isFree: Gives back what was taken from the quota even if the message was accepted.
    func add(_ outcome: MessageOutcome, isFree: Bool = false) {
        add(Entry(outcome: outcome, isFree: isFree, written: nil))
    }

    /// The same, and returns when the outcome is in Postgres, or was given up.
    func write(_ outcome: MessageOutcome, isFree: Bool = false) async {
        await withCheckedContinuation { add(Entry(outcome: outcome, isFree: isFree, written: $0)) }
    }

    private func add(_ entry: Entry) {
        let (isOver, isFirst) = waiting.withLock { waiting in
            let isFirst = waiting?.isEmpty ?? false
            waiting?.append(entry)
            return (waiting == nil, isFirst)
        }
        // Whoever was first has woken it, and it writes until nothing is left.
        if isOver { end([entry]) } else if isFirst { wake.yield() }
    }

    private func end(_ entries: [Entry]) {
        for entry in entries { entry.written?.resume() }
        ended(entries.count)
    }

    /// Writes until ``finish()`` was called and nothing is waiting, or until it is cancelled.
    func run() async {
        for await _ in wakeups { await drain() }
        await drain()
        let rest = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? []
        }
        end(rest)
    }

    /// How many outcomes wait, apart from those being written.
    var backlog: Int { waiting.withLock { $0?.count ?? 0 } }

    /// Ends ``run()`` after everything handed in so far is written.
    func finish() {
        wake.finish()
    }

    private func drain() async {
        while true {
            let batch = waiting.withLock { waiting in
                let batch = Array((waiting ?? []).prefix(LaneQueue.largestBatch))
                waiting?.removeFirst(batch.count)
                return batch
            }
            if batch.isEmpty { return }
            CrashPoint.outcomesTaken.reach()
            // A lease without an outcome must not end: it is all that is left to find the message by.
            if await record(batch.map(\.outcome)) { await endLeases(of: batch) }
            end(batch)
        }
    }

    /// - Returns: False when it was cancelled before the outcomes were written.
    private func record(_ outcomes: [MessageOutcome]) async -> Bool {
        var delay = Duration.milliseconds(50)
        while true {
            do {
                CrashPoint.flushing.reach(after: .milliseconds(2))
                try await write(outcomes)
                CrashPoint.outcomesCommitted.reach()
                metrics?.count(outcomes)
                return true
            } catch {
                logger.error(
                    "Outcomes cannot be written, trying again",
                    metadata: ["count": "\(outcomes.count)", "error": "\(error)"]
                )
            }
            // Only cancellation ends the sleep early, and then the next attempt fails at once or succeeds.
            try? await clock.sleep(for: delay)
            delay = min(delay * 2, .seconds(2))
            if Task.isCancelled { return false }
        }
    }

    private func endLeases(of batch: [Entry]) async {
        let endings = batch.map { entry in
            LeaseEnding(
                messageID: entry.outcome.messageID,
                lease: entry.outcome.lease,
                end: entry.isFree && entry.outcome.leaseEnd == .done ? .void : entry.outcome.leaseEnd
            )
        }
        do {
            try await lane.settle(endings)
        } catch {
            // The leases run out, and whoever takes them over finds in Postgres what became of the messages.
            logger.warning("Leases cannot be ended, they run out", metadata: ["error": "\(error)"])
        }
    }
}

extension MessageOutcome {
    var leaseEnd: LeaseEnd {
        switch result {
        case .sent, .unconfirmed: .done
        case .failed, .withdrawn: .void
        case .retry(let delay, _): .delay(delay)
        case .released(let delay): delay > .zero ? .delay(delay) : .release
        }
    }
}
