import Foundation
import Logging
import Postgres
import Redis
import Settings
import Store

/// Writes outcomes of messages in batches: to Postgres first, then to the lane.
///
/// An outcome is never dropped. While Postgres is down it waits, and with it the permit to process another message. Only
/// cancellation gives up, and an outcome that Postgres refuses for its values while it takes others; then the leases stay
/// until they expire, and the daemon that takes them over sees in Postgres that the outcome is missing.
final class OutcomeWriter: Sendable {
    private struct Entry: Sendable {
        let outcome: MessageOutcome
        let isFree: Bool
    }

    private let entries: GroupCommit<Entry, Void, OnlyLane>
    private let ended: @Sendable (_ count: Int) -> Void

    /// Makes a writer; ``run()`` must be running for anything to be written.
    ///
    /// - Parameters:
    ///   - record: Writes outcomes to Postgres, all or nothing; may be repeated.
    ///   - lane: The lane with the leases of the messages.
    ///   - logger: Logs failures.
    ///   - clock: For the backoff between attempts.
    ///   - metrics: Counts written outcomes.
    ///   - ended: Called with the number of outcomes that were written, or given up.
    init(
        record: @escaping @Sendable ([MessageOutcome]) async throws -> Void,
        lane: LaneQueue,
        logger: Logger,
        clock: any Clock<Duration>,
        metrics: SendMetrics? = nil,
        ended: @escaping @Sendable (_ count: Int) -> Void = { _ in }
    ) {
        self.ended = ended
        let writing = Writing(write: record, lane: lane, logger: logger, clock: clock, metrics: metrics)
        entries = GroupCommit(.init(largest: LaneQueue.largestBatch)) { batch in
            CrashPoint.outcomesTaken.reach()
            await writing.endLeases(of: await writing.record(batch))
            ended(batch.count)
            return batch.map { _ in }
        }
    }

    /// Takes an outcome; ``run()`` writes it.
    ///
    /// - Parameters:
    ///   - outcome: The outcome.
    ///   - isFree: Gives the quota charge back even if the message was accepted.
    func add(_ outcome: MessageOutcome, isFree: Bool = false) {
        if !entries.add(Entry(outcome: outcome, isFree: isFree)) { ended(1) }
    }

    /// Takes an outcome, and returns when it was stored in Postgres or given up.
    func write(_ outcome: MessageOutcome, isFree: Bool = false) async {
        do {
            try await entries.perform(Entry(outcome: outcome, isFree: isFree))
        } catch {
            // The writer has ended, and gives the outcome up.
            ended(1)
        }
    }

    /// Writes until ``finish()`` was called and nothing waits, or until it is cancelled.
    func run() async {
        ended(await entries.run().count)
    }

    /// Number of outcomes that wait, apart from those being written.
    var backlog: Int { entries.backlog }

    /// Ends ``run()`` after everything handed in so far is written.
    func finish() { entries.finish() }

    /// The two writes of a batch.
    private struct Writing: Sendable {
        let write: @Sendable ([MessageOutcome]) async throws -> Void
        let lane: LaneQueue
        let logger: Logger
        let clock: any Clock<Duration>
        let metrics: SendMetrics?

        /// Writes a batch, or its parts if Postgres refuses something in it.
        ///
        /// - Returns: The outcomes that are in Postgres: all, unless it was cancelled or refused some of them.
        func record(_ batch: [Entry]) async -> [Entry] {
            var written: [Entry] = []
            var parts = [batch]
            while let part = parts.popLast() {
                do {
                    if try await record(part.map(\.outcome)) { written += part }
                } catch {
                    guard part.count == 1 else {
                        parts += part.halves
                        continue
                    }
                    logger.error(
                        "Outcome refused by Postgres, its lease expires",
                        metadata: [
                            "message": "\(part[0].outcome.messageID.uuidString.lowercased())", "error": "\(error)",
                        ]
                    )
                }
            }
            return written
        }

        /// Writes outcomes, trying again until Postgres answers.
        ///
        /// - Returns: False when it was cancelled before the outcomes were written.
        /// - Throws: `PostgresError` when their values are refused.
        private func record(_ outcomes: [MessageOutcome]) async throws -> Bool {
            var delay = Duration.milliseconds(50)
            while true {
                do {
                    CrashPoint.flushing.reach(after: .milliseconds(2))
                    try await write(outcomes)
                    CrashPoint.outcomesCommitted.reach()
                    metrics?.count(outcomes)
                    return true
                } catch let error as PostgresError where error.isAboutValues {
                    throw error
                } catch {
                    logger.error(
                        "Could not write outcomes, trying again",
                        metadata: ["count": "\(outcomes.count)", "error": "\(error)"]
                    )
                }
                // Only cancellation ends the sleep early, and then the next attempt fails at once or succeeds.
                try? await clock.sleep(for: delay)
                delay = min(delay * 2, .seconds(2))
                if Task.isCancelled { return false }
            }
        }

        func endLeases(of batch: [Entry]) async {
            // Without an outcome in Postgres the lease must stay: nothing else leads back to the message.
            guard !batch.isEmpty else { return }
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
                // The daemon that takes the expired leases over sees the outcomes in Postgres.
                logger.warning("Could not end leases, they expire", metadata: ["error": "\(error)"])
            }
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
