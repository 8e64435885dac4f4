import Foundation
package import Logging
import Postgres
import ServiceLifecycle
package import Store

/// Commits the provider's reports (statuses and inbound messages), those of many webhooks in one transaction.
///
/// Each webhook waits for its commit, so WhatsApp is told that a report arrived only when it is in Postgres; see
/// ``GroupCommit``. A graceful shutdown ends after everything handed in is committed.
package final class StatusIntake: Service, Sendable {
    private struct Delivery: Sendable {
        let reports: ChannelReports
        let since: ContinuousClock.Instant
    }

    /// Reports in one transaction; a single webhook may bring more.
    private static let largestBatch = 1_000
    private static let parkedInterval = Duration.seconds(5)

    private let messages: MessageRepository
    private let guards: RunGuards
    private let failure: @Sendable (_ code: String, _ message: String) -> MessageOutcome.Failure
    private let logger: Logger
    private let deliveries: GroupCommit<Delivery, Void, OnlyLane>

    /// Makes an intake; ``run()`` must be running for anything to be committed.
    ///
    /// - Parameters:
    ///   - messages: Commits statuses.
    ///   - inbound: Commits everything else.
    ///   - contacts: Learns the ids of contacts that statuses name.
    ///   - guards: Pauses runs that statuses stop.
    ///   - media: Forgets the ids of files that WhatsApp could not use; `nil` if this process sends none.
    ///   - failure: Classifies the failure of a stored status, by its code and text.
    ///   - logger: Logs failures.
    ///   - metrics: Counts reports.
    package init(
        messages: MessageRepository,
        inbound: InboundRepository,
        contacts: ContactIDRepository,
        guards: RunGuards,
        media: (uploads: MediaUploads, rows: MediaUploadRepository)? = nil,
        failure: @escaping @Sendable (_ code: String, _ message: String) -> MessageOutcome.Failure,
        logger: Logger,
        metrics: WebhookMetrics? = nil
    ) {
        self.messages = messages
        self.guards = guards
        self.failure = failure
        self.logger = logger
        let commit = Commit(
            messages: messages,
            inbound: inbound,
            contacts: contacts,
            guards: guards,
            media: media,
            logger: logger,
            metrics: metrics
        )
        deliveries = GroupCommit(.init(largest: Self.largestBatch)) { batch, error in
            logger.error("Could not commit statuses, WhatsApp will repeat them", metadata: ["error": "\(error)"])
            metrics?.countFailed(batch.reduce(0) { $0 + $1.reports.count })
        } commit: { batch in
            do {
                try await commit(batch)
            } catch let error as PostgresError where error.isAboutValues && batch.count == 1 {
                try await commit.apart(batch[0], refusal: error)
            }
            return batch.map { _ in }
        }
    }

    /// Returns when the reports are committed.
    ///
    /// - Throws: `PostgresError` when they are not committed, `CancellationError` when the intake has ended. WhatsApp
    ///   then sends them again if it gets an error.
    package func take(_ reports: ChannelReports) async throws {
        guard !reports.isEmpty else { return }
        try await deliveries.perform(Delivery(reports: reports, since: .now), weight: reports.count)
    }

    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.retryParked() }
            await deliveries.runUntilShutdown()
        }
    }

    /// Applies parked statuses periodically, when their message has become known.
    private func retryParked() async {
        let loop = PeriodicLoop(
            every: Self.parkedInterval,
            logger: logger,
            failure: "Could not apply parked statuses, trying again"
        )
        await loop.run {
            while true {
                let effects = try await messages.reportParked(reading: failure)
                try await guards.pause(effects.stops)
                await guards.pause(effects.alike)
                if effects.parked == 0 { break }
            }
        }
    }

    /// The transaction for the reports of some webhooks.
    private struct Commit: Sendable {
        let messages: MessageRepository
        let inbound: InboundRepository
        let contacts: ContactIDRepository
        let guards: RunGuards
        let media: (uploads: MediaUploads, rows: MediaUploadRepository)?
        let logger: Logger
        let metrics: WebhookMetrics?
        let numbers = KnownNumbers()
        let identities = KnownIdentities()
        let unknownEvents = UnknownEvents()

        func callAsFunction(_ batch: [Delivery]) async throws {
            let statuses = batch.flatMap(\.reports.statuses)
            // Before the reports are committed: after a crash in between, WhatsApp repeats them.
            if let media {
                for key in try await media.uploads.forget(ofFailed: statuses, rows: media.rows) {
                    logger.warning(
                        "WhatsApp could not use a file that was uploaded long ago, it is uploaded again",
                        metadata: [
                            "tenant": "\(key.file.tenant)", "number": "\(key.number)",
                            "file": "sha256:\(key.file.digest)",
                        ]
                    )
                }
            }
            let effects = try await messages.report(statuses.foldedByMessage())
            try await messages.park(effects.unknown)
            try await guards.pause(effects.stops)
            await guards.pause(effects.alike)
            // Before inbound messages, which may name their sender by an id that only a status of the same batch has.
            let learned = identities.unknown(among: batch.flatMap(\.reports.learnedIDs))
            try await contacts.learn(learned)
            identities.note(learned)
            var report = batch.reduce(into: InboundReport()) { $0.append($1.reports.inbound) }
            report.numbers = numbers.unknown(among: report.numbers, at: .now)
            let changes = try await inbound.apply(report)
            for run in changes.paused {
                logger.error("Campaign paused, WhatsApp blocked what it needs", metadata: ["run": "\(run)"])
            }
            for run in changes.resumed {
                logger.notice(
                    "Campaign resumed, WhatsApp has approved its template again",
                    metadata: ["run": "\(run.uuidString.lowercased())"]
                )
            }
            for (run, problem) in changes.notResumed {
                logger.error(
                    "Campaign stays paused, although WhatsApp has approved its template again",
                    metadata: ["run": "\(run.uuidString.lowercased())", "reason": "\(problem)"]
                )
            }
            for contact in changes.moved { log(contact) }
            numbers.note(report.numbers, at: .now)
            note(batch.flatMap(\.reports.events), batch.flatMap(\.reports.notices))
            guard let metrics else { return }
            let oldest = statuses.lazy.compactMap(\.earliest).min()
            metrics.countWritten(batch.reduce(0) { $0 + $1.reports.count }, oldest: oldest)
            metrics.count(statuses)
            for delivery in batch { metrics.note(.now - delivery.since) }
        }

        private func log(_ moved: MovedContact) {
            var metadata: Logger.Metadata = [
                "tenant": "\(moved.tenantID)", "contact": "\(moved.contact.uuidString.lowercased())",
            ]
            guard let other = moved.other else {
                return logger.notice("Contact changed number", metadata: metadata)
            }
            metadata["other"] = "\(other.uuidString.lowercased())"
            logger.warning(
                "Contact changed to the number of another contact; merge them with `campaignd contacts merge`",
                metadata: metadata
            )
        }

        /// Counts and logs events, when their effects are committed.
        private func note(_ events: [WebhookEvent], _ notices: [WebhookNotice]) {
            for event in events {
                guard !event.isKnown else {
                    metrics?.countEvent(event.type, isKnown: true)
                    continue
                }
                let (name, isNews) = unknownEvents.note(event.type)
                metrics?.countEvent(name, isKnown: false)
                guard isNews else { continue }
                logger.warning(
                    "Unknown event in a webhook, it is counted and has no effect",
                    metadata: ["type": "\(name)"]
                )
            }
            for notice in notices {
                logger.log(
                    level: notice.level,
                    "\(notice.text)",
                    metadata: notice.metadata.mapValues { .string($0) }
                )
            }
        }

        /// Commits everything of a webhook but what Postgres refuses alone.
        ///
        /// - Throws: The refusal, after the rest is committed: WhatsApp then repeats the webhook.
        func apart(_ delivery: Delivery, refusal: PostgresError) async throws {
            let parts = delivery.reports.parts
            guard parts.count > 1 else { throw refusal }
            var waiting = parts.halves
            while let part = waiting.popLast() {
                var reports = ChannelReports()
                for single in part { reports.append(single) }
                do {
                    try await self([Delivery(reports: reports, since: delivery.since)])
                } catch let error as PostgresError where error.isAboutValues {
                    if part.count > 1 { waiting += part.halves }
                }
            }
            throw refusal
        }
    }
}

extension DeliveryStatus {
    /// Time of the first event that it reports.
    fileprivate var earliest: Date? { [sentAt, deliveredAt, readAt, failedAt].compactMap(\.self).min() }
}
