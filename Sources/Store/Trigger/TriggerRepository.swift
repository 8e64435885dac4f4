public import Foundation
public import Postgres
import Spec

/// Turns events into messages of the campaigns that wait for them.
///
/// Events of one kind come in batches, and a batch is one transaction: the messages, their chunk and the outcomes are
/// committed together, or nothing is and the sender asks again. A batch takes three round trips, however many campaigns
/// wait: the campaigns, the contacts, and all writes with COMMIT. Idempotency keys that may have been seen and a wallet
/// cost one more round trip each. A campaign that waits for the first time, or has changed, costs a few.
///
/// Batches of one kind take turns by an advisory lock. The row of a standing run is locked just before COMMIT, because
/// every batch that feeds, claims or records messages of the run needs this row, too. The statement that locks it checks
/// that the run is as it was read. If not, the transaction is repeated with the row locked first.
public struct TriggerRepository: Sendable {
    let pool: PostgresPool
    private let announces: Bool

    /// Makes a repository.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - announces: True to notify daemons of new messages, so that each of them looks for messages. A daemon that
    ///     takes events in itself does not need it: a thousand events a second would make each daemon look a thousand
    ///     times.
    public init(pool: PostgresPool, announces: Bool = true) {
        self.pool = pool
        self.announces = announces
    }

    /// Takes events in.
    ///
    /// - Parameters:
    ///   - requests: The events, in the order in which they came.
    ///   - event: The name of the event.
    ///   - tenant: The owner of the contacts.
    ///   - now: The current time, against which the 24 hour window is measured.
    /// - Returns: The outcomes, in the same order; a repeated event gets its former one.
    /// - Throws: `PostgresError`; nothing has happened then, unless the connection broke at its end: a repetition with
    ///   the same `eventID` then gets the outcome.
    public func fire(
        _ requests: [TriggerRequest],
        event: String,
        tenant: String,
        now: Date
    ) async throws -> [TriggerOutcome] {
        try await fire(requests, of: .event(event), tenant: tenant, now: now)
    }

    /// Takes events in, or contacts to which a program sends a campaign, like ``fire(_:event:tenant:now:)``.
    public func fire(
        _ requests: [TriggerRequest],
        of source: TriggerSource,
        tenant: String,
        now: Date
    ) async throws -> [TriggerOutcome] {
        do {
            return try await fire(requests, of: source, tenant: tenant, now: now, locksRuns: false)
        } catch let error as PostgresError where error.isUniqueViolation || error.isNotNullViolation {
            // Another request brought the same event at the same time, and its outcome is stored now; or a run has
            // changed since it was read.
            return try await fire(requests, of: source, tenant: tenant, now: now, locksRuns: true)
        }
    }

    /// Takes events in, in one transaction.
    ///
    /// If it does not lock the standing runs before they are read, it fails with a NOT NULL violation when one of them
    /// has changed meanwhile.
    func fire(
        _ requests: [TriggerRequest],
        of source: TriggerSource,
        tenant: String,
        now: Date,
        locksRuns: Bool
    ) async throws -> [TriggerOutcome] {
        try await pool.transaction { connection in
            try await fire(
                requests,
                of: source,
                tenant: tenant,
                now: now,
                locksRuns: locksRuns,
                on: connection
            )
        }
    }

    private func fire(
        _ requests: [TriggerRequest],
        of source: TriggerSource,
        tenant: String,
        now: Date,
        locksRuns: Bool,
        on connection: isolated PostgresConnection
    ) async throws -> [TriggerOutcome] {
        let event = source.event
        // Sent with the next statement, which thus sees what the batch before has committed.
        try await connection.enqueue("SELECT pg_advisory_xact_lock(\(fragment: SchemaScope.key(tenant + "/" + event)))")
        var batch = TriggerBatch(requests)
        let known = Set(requests.compactMap(\.eventID)).sorted()
        if !known.isEmpty {
            let rows = try await connection.query(
                """
                SELECT e."eventId", e."contactId", e.context, e.answer FROM unnest(\(known)::text[]) AS k(name)
                CROSS JOIN LATERAL (
                    SELECT * FROM trigger_events e
                    WHERE e."tenantId" = \(tenant) AND e.event = \(event) AND \(only: #"e."eventId""#, is: "k.name")
                ) e
                """
            )
            for row in rows {
                let answer = try row.decode(3, as: PostgresJSON.self).text
                batch.recall(
                    TriggerRequest(
                        contactID: try row.decode(1),
                        context: try row.json("context"),
                        eventID: try row.decode(0)
                    ),
                    outcome: try JSONDecoder().decode(TriggerOutcome.self, from: Data(answer.utf8))
                )
            }
        }
        guard !batch.open.isEmpty else { return batch.completed() }
        let campaigns = try await TriggeredCampaign.find(
            for: batch,
            tenant: tenant,
            source: source,
            now: now,
            locksRuns: locksRuns,
            on: connection
        )
        let contacts = try await TriggerContact.find(
            campaigns.filter { $0.standingRun != nil },
            in: batch,
            tenant: tenant,
            now: now,
            on: connection
        )
        let paidRuns = campaigns.filter(\.isPaid).compactMap(\.standingRun)
        if !paidRuns.isEmpty {
            // Runs are locked before their holds, everywhere.
            try await TriggeredCampaign.lock(campaigns.compactMap(\.standingRun), on: connection)
        }
        var budget = paidRuns.isEmpty ? nil : try await WalletHold.budget(of: paidRuns, on: connection)
        var additions: [Addition] = []
        for campaign in campaigns {
            switch campaign.state {
            case .refused(let reason):
                batch.refuse(by: campaign, reason)
            case .open(let run, let nextPosition, _):
                let messages = batch.decide(
                    for: campaign,
                    run: run,
                    from: nextPosition,
                    contacts: contacts[campaign.id] ?? [:],
                    affordable: budget?.messages(of: run)
                )
                if let tokens = budget?.spend(messages.count, on: run) {
                    try await WalletHold.extend(run, by: tokens, on: connection)
                }
                guard !messages.isEmpty else { continue }
                let addition = Addition(campaign: campaign.id, run: run, position: nextPosition, messages: messages)
                try await write(addition, tenant: tenant, on: connection)
                additions.append(addition)
            }
        }
        try await note(batch, event: event, tenant: tenant, on: connection)
        // Last, in the order in which all lock runs.
        for addition in additions.sorted(by: { $0.run.uuidString < $1.run.uuidString }) {
            try await count(addition, tenant: tenant, on: connection)
        }
        return batch.completed()
    }

    /// Messages to add to a standing run.
    private struct Addition {
        let campaign: UUID
        let run: UUID
        /// The position of the first.
        let position: Int
        let messages: [TriggerBatch.Message]

        var end: Int { position + messages.count }
    }

    /// Writes messages.
    private func write(
        _ addition: Addition,
        tenant: String,
        on connection: isolated PostgresConnection
    ) async throws {
        let (run, position, messages) = (addition.run, addition.position, addition.messages)
        try await connection.enqueue(
            """
            INSERT INTO campaign_messages (
                id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone",
                "isBusinessInitiated", "triggerEventId", context
            )
            SELECT message_id(\(run), position), \(run), position, \(addition.campaign), \(tenant), contact, phone, business,
                event, context
            FROM unnest(
                \(messages.map(\.contact))::uuid[], \(messages.map(\.phone))::text[],
                \(messages.map(\.isBusinessInitiated))::bool[], \(messages.map(\.event))::uuid[],
                \(messages.map { $0.context.map(PostgresJSON.init(text:)) })::jsonb[]
            ) WITH ORDINALITY AS m(contact, phone, business, event, context, number)
            CROSS JOIN LATERAL (SELECT (\(position) - 1 + number)::integer AS position) p
            """
        )
        guard announces else { return }
        try await connection.enqueue("SELECT pg_notify(cell_channel(\(RunRepository.channel)), \(run)::text)")
    }

    /// Counts the messages in their run, or fails if the run is not as it was read; and writes their chunk.
    private func count(
        _ addition: Addition,
        tenant: String,
        on connection: isolated PostgresConnection
    ) async throws {
        let messages = addition.messages
        // NULL violates a constraint, which undoes the transaction.
        try await connection.enqueue(
            """
            UPDATE campaign_runs SET
                "nextPosition" = CASE
                    WHEN "nextPosition" = \(addition.position) AND status IN \(anyOf: RunStatus.launched)
                        AND "supersededAt" IS NULL
                    THEN \(addition.end)::integer
                END,
                pending = pending + \(messages.count), "recipientCount" = "recipientCount" + \(messages.count),
                "inWindowCount" = "inWindowCount" + \(messages.count { !$0.isBusinessInitiated })
            WHERE id = \(addition.run)
            """
        )
        // After the run: the foreign key of the chunk shares a lock of the run, and to raise that lock while others wait
        // for the run is a deadlock.
        try await connection.enqueue(
            """
            INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore")
            VALUES (\(addition.run), \(addition.position), \(addition.end), \(tenant), now())
            """
        )
    }

    private func note(
        _ batch: TriggerBatch,
        event: String,
        tenant: String,
        on connection: isolated PostgresConnection
    ) async throws {
        let outcomes = batch.open.map { batch.outcomes[$0].text }
        try await connection.enqueue(
            """
            INSERT INTO trigger_events (id, "tenantId", event, "eventId", "contactId", context, answer)
            SELECT id, \(tenant), \(event), name, contact, context, answer
            FROM unnest(
                \(batch.open.map { batch.ids[$0] })::uuid[], \(batch.open.map { batch.requests[$0].eventID })::text[],
                \(batch.open.map { batch.requests[$0].contactID })::text[],
                \(batch.open.map { batch.contexts[$0].map(PostgresJSON.init(text:)) })::jsonb[],
                \(outcomes.map(PostgresJSON.init(text:)))::jsonb[]
            ) AS e(id, name, contact, context, answer)
            """
        )
    }
}
