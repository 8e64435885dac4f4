public import Foundation
public import Postgres
import Spec

/// Turns events into messages of the campaigns that wait for them.
///
/// Events of one kind come in batches, and a batch is one transaction: the messages, their chunk and the answers are
/// committed together, or nothing is and the sender asks again. A batch takes three round trips, however many campaigns
/// wait: the campaigns, the contacts, and all writes with COMMIT. Idempotency keys that may have been seen and a wallet
/// cost one more round trip each. A campaign that waits for the first time, or has changed, costs a few.
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
    /// - Returns: The answers, in the same order; a repeated event gets its former one.
    /// - Throws: `PostgresError`; nothing has happened then, unless the connection broke at its end: a repetition with
    ///   the same `eventID` then gets the answer.
    public func fire(
        _ requests: [TriggerRequest],
        event: String,
        tenant: String,
        now: Date
    ) async throws -> [TriggerAnswer] {
        try await fire(requests, of: .event(event), tenant: tenant, now: now)
    }

    /// Takes events in, or contacts to which a program sends a campaign, like ``fire(_:event:tenant:now:)``.
    public func fire(
        _ requests: [TriggerRequest],
        of source: TriggerSource,
        tenant: String,
        now: Date
    ) async throws -> [TriggerAnswer] {
        do {
            return try await pool.transaction { connection in
                try await fire(requests, of: source, tenant: tenant, now: now, on: connection)
            }
        } catch let error as PostgresError where error.isUniqueViolation {
            // Another request brought the same event at the same time, and its answer is stored now.
            return try await pool.transaction { connection in
                try await fire(requests, of: source, tenant: tenant, now: now, on: connection)
            }
        }
    }

    private func fire(
        _ requests: [TriggerRequest],
        of source: TriggerSource,
        tenant: String,
        now: Date,
        on connection: isolated PostgresConnection
    ) async throws -> [TriggerAnswer] {
        let event = source.event
        var batch = TriggerBatch(requests)
        let known = requests.compactMap(\.eventID)
        if !known.isEmpty {
            let rows = try await connection.query(
                """
                SELECT "eventId", "contactId", context, answer FROM trigger_events
                WHERE "tenantId" = \(tenant) AND event = \(event) AND "eventId" = ANY(\(known)::text[])
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
                    answer: try JSONDecoder().decode(TriggerAnswer.self, from: Data(answer.utf8))
                )
            }
        }
        guard !batch.open.isEmpty else { return batch.completed() }
        let campaigns = try await TriggeredCampaign.lock(
            for: batch,
            tenant: tenant,
            source: source,
            now: now,
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
        var budget = paidRuns.isEmpty ? nil : try await WalletHold.budget(of: paidRuns, on: connection)
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
                try await write(messages, of: campaign.id, run: run, from: nextPosition, tenant: tenant, on: connection)
            }
        }
        try await note(batch, event: event, tenant: tenant, on: connection)
        return batch.completed()
    }

    /// Writes messages, their chunk, and the counters.
    private func write(
        _ messages: [TriggerBatch.Message],
        of campaign: UUID,
        run: UUID,
        from position: Int,
        tenant: String,
        on connection: isolated PostgresConnection
    ) async throws {
        guard !messages.isEmpty else { return }
        try await connection.enqueue(
            """
            WITH written AS (
                INSERT INTO campaign_messages (
                    id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone",
                    "isBusinessInitiated", "triggerEventId", context
                )
                SELECT message_id(\(run), position), \(run), position, \(campaign), \(tenant), contact, phone, business,
                    event, context
                FROM unnest(
                    \(messages.map(\.contact))::uuid[], \(messages.map(\.phone))::text[],
                    \(messages.map(\.isBusinessInitiated))::bool[], \(messages.map(\.event))::uuid[],
                    \(messages.map { $0.context.map(PostgresJSON.init(text:)) })::jsonb[]
                ) WITH ORDINALITY AS m(contact, phone, business, event, context, number)
                CROSS JOIN LATERAL (SELECT (\(position) - 1 + number)::integer AS position) p
            ), line AS (
                INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore")
                VALUES (\(run), \(position), \(position + messages.count), \(tenant), now())
            )
            UPDATE campaign_runs SET "nextPosition" = \(position + messages.count), pending = pending + \(messages.count),
                "recipientCount" = "recipientCount" + \(messages.count),
                "inWindowCount" = "inWindowCount" + \(messages.count { !$0.isBusinessInitiated })
            WHERE id = \(run)
            """
        )
        if announces { try await connection.enqueue("SELECT pg_notify(\(RunRepository.channel), \(run)::text)") }
    }

    private func note(
        _ batch: TriggerBatch,
        event: String,
        tenant: String,
        on connection: isolated PostgresConnection
    ) async throws {
        let answers = batch.open.map { batch.answers[$0].text }
        try await connection.enqueue(
            """
            INSERT INTO trigger_events (id, "tenantId", event, "eventId", "contactId", context, answer)
            SELECT id, \(tenant), \(event), name, contact, context, answer
            FROM unnest(
                \(batch.open.map { batch.ids[$0] })::uuid[], \(batch.open.map { batch.requests[$0].eventID })::text[],
                \(batch.open.map { batch.requests[$0].contactID })::text[],
                \(batch.open.map { batch.contexts[$0].map(PostgresJSON.init(text:)) })::jsonb[],
                \(answers.map(PostgresJSON.init(text:)))::jsonb[]
            ) AS e(id, name, contact, context, answer)
            """
        )
    }
}
