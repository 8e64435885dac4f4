public import Foundation
import JSON
import Postgres
import Spec

extension RunRepository {
    /// Gives open runs the category that their template has by now.
    ///
    /// Triggers do so as soon as a spec or WhatsApp changes it. A run that was being opened at that moment saw the former category,
    /// and no trigger saw the run.
    ///
    /// - Throws: `PostgresError`; harmless to repeat.
    public func followCategories() async throws {
        _ = try await pool.query(
            """
            SELECT follow_categories(ARRAY(SELECT id FROM campaign_runs WHERE status IN \(anyOf: RunStatus.open)))
            """
        )
    }

    /// Estimates the costs of runs anew whose template has changed its category.
    ///
    /// Messages that were sent before count with the former category, all others with that of now and the prices of now. Messages
    /// that are still to be written would be missing, so a launch is waited for.
    ///
    /// - Parameter now: The instant of the change on the clock of prices.
    /// - Returns: The runs with another estimate.
    /// - Throws: `PostgresError`, or `JSONError`; harmless to repeat, as a run stays due until its estimate is stored.
    @discardableResult
    public func renewEstimates(now: Date = Date()) async throws -> [UUID] {
        let rows = try await pool.query(
            """
            SELECT r.id, r."tenantId", r."estimateDueAt", r."estimatedCost", r."isMarketing", r."needsNumber", r."startedAt",
                r."estimatedCompletionAt"
            FROM campaign_runs r
            WHERE r."estimateDueAt" IS NOT NULL AND r."launchPhase" = \(LaunchProgress.Phase.done)
            ORDER BY r."estimateDueAt" LIMIT 20
            """
        )
        var renewed: [UUID] = []
        for row in rows {
            let run = try row.decode("id", as: UUID.self)
            let due = try row.decode("estimateDueAt", as: Date.self)
            let cost = try await estimate(row, run, since: due, now: now)
            // Another daemon may have stored it since, or the category may have changed once more.
            let stored = try await pool.query(
                """
                UPDATE campaign_runs r SET "estimateDueAt" = NULL,
                    "estimatedCost" = coalesce(\(cost.map { PostgresJSON(text: $0.json.canonicalText) })::jsonb, r."estimatedCost")
                WHERE r.id = \(run) AND r."estimateDueAt" IS NOT NULL
                    AND (r."isMarketing", r."needsNumber") = (
                        \(row.decode("isMarketing", as: Bool.self)), \(row.decode("needsNumber", as: Bool.self))
                    )
                RETURNING r.id
                """
            )
            if cost != nil, !stored.isEmpty { renewed.append(run) }
        }
        return renewed
    }

    /// Returns the estimate of a run that is due; `nil` if it stays as it is.
    ///
    /// That is so if its category is the former one again, or there are no prices any more.
    private func estimate(
        _ row: PostgresRow,
        _ run: UUID,
        since due: Date,
        now: Date
    ) async throws -> CostEstimate? {
        let category = RateCategory(
            template: TemplateSpec.Category(
                isMarketing: try row.decode("isMarketing"),
                needsNumber: try row.decode("needsNumber")
            ),
            isFreeText: false
        )
        guard let former = try row.json("estimatedCost").flatMap({ CostEstimate(json: $0) }),
            former.category != category
        else { return nil }
        let tenant = try row.decode("tenantId", as: String.self)
        let (started, end) = try (
            row.decode("startedAt", as: Date?.self) ?? due, row.decode("estimatedCompletionAt", as: Date?.self)
        )
        return try await pool.withConnection { connection in
            guard let rates = try await TenantRates.read(of: tenant, on: connection) else { return nil }
            let sizes = try await Self.sizes(of: run, from: former.since, until: due, on: connection)
            let cost = rates.estimate(sizes.rest, of: category, at: now, until: end.map { max(now, $0) })
            let spent = rates.estimate(sizes.sent, of: former.category, at: started)
            return cost?.following(former, spent: spent, since: due)
        }
    }

    /// Counts the messages of a run that were sent in a time, and those that come after it.
    ///
    /// What has failed or was cancelled costs nothing.
    private static func sizes(
        of run: UUID,
        from start: Date?,
        until end: Date,
        on connection: PostgresConnection
    ) async throws -> (sent: AudienceSize, rest: AudienceSize) {
        let number: PostgresQuery = """
            CASE WHEN m."recipientPhone" <> '' THEN m."recipientPhone" ELSE coalesce(m."numberStart", (
                SELECT c."contactId" FROM contacts c WHERE \(key: "c.id", of: #"m."contactId""#) AND c."erasedAt" IS NULL
            ), '') END
            """
        let rows = try await connection.query(
            """
            SELECT coalesce(m."sentAt" < \(end), false), \(fragment: NumberStart.of(number)), count(*),
                count(*) FILTER (WHERE NOT m."isBusinessInitiated")
            FROM campaign_messages m
            WHERE m.id BETWEEN message_id(\(run), 0) AND message_id(\(run), \(MessageID.maximumPosition))
                AND m.status NOT IN \(anyOf: [MessageStatus.failed, .cancelled])
                AND (m."sentAt" IS NULL OR m."sentAt" >= coalesce(\(start)::timestamptz, '-infinity'))
            GROUP BY 1, 2 ORDER BY 2
            """,
            deadline: .seconds(120)
        )
        let empty = AudienceSize(total: 0, inWindow: 0, beginnings: [])
        var (sent, rest) = (empty, empty)
        for row in rows {
            let group = AudienceSize(total: try row.decode(2), inWindow: try row.decode(3))
            let beginning = try row.decode(1, as: String.self)
            if try row.decode(0, as: Bool.self) {
                sent.add(group, beginning: beginning)
            } else {
                rest.add(group, beginning: beginning)
            }
        }
        return (sent, rest)
    }
}
