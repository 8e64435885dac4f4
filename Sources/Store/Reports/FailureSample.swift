public import Foundation
import Postgres

/// The failures of a campaign with one code, with some of its messages.
public struct FailureSample: Hashable, Sendable {
    /// WhatsApp's code, or one of ours in words; empty if there is none.
    public let code: String
    public let count: Int
    /// Texts of the example messages, each once.
    public let texts: [String]
    /// Ids of some of the messages.
    public let messageIDs: [UUID]
}

extension MessageLogRepository {
    /// Returns the failures of a campaign by code, most frequent first, at most 100 codes.
    ///
    /// Messages that a later run repeats are left out, unless one run is asked for. Only the examples are read as rows;
    /// the rest is counted.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - tenant: The owner of the campaign.
    ///   - run: Only this run; `nil` for all.
    ///   - examples: The maximum number of messages of each code.
    /// - Returns: The failures.
    /// - Throws: `PostgresError`.
    public func samples(
        of campaign: UUID,
        tenant: String,
        run: UUID?,
        examples: Int = 5
    ) async throws -> [FailureSample] {
        var query = MessageLogQuery(campaign: campaign, tenant: tenant)
        query.run = run
        let failed: PostgresQuery = """
            m."runId" = ANY(ARRAY(SELECT r.id FROM campaign_runs r WHERE \(fragment: query.runs)))
                AND m."failedAt" IS NOT NULL AND m.status = \(message: .failed)
                AND (\(run != nil)::bool OR m."retriedBy" IS NULL)
            """
        let rows = try await pool.query(
            """
            SELECT c.code, c.count, x.id, x.text
            FROM (
                SELECT coalesce(m."errorCode", '') AS code, count(*) FROM campaign_messages m WHERE \(fragment: failed)
                GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100
            ) c
            CROSS JOIN LATERAL (
                SELECT m.id, coalesce(m."errorMessage", '') AS text FROM campaign_messages m
                WHERE \(fragment: failed) AND (m."errorCode" = c.code OR (c.code = '' AND m."errorCode" IS NULL))
                LIMIT \(examples)
            ) x
            ORDER BY c.count DESC, c.code, x.id
            """,
            deadline: .seconds(60)
        )
        var samples: [(code: String, count: Int, texts: [String], ids: [UUID])] = []
        for row in rows {
            let code = try row.decode("code", as: String.self)
            if samples.last?.code != code { samples.append((code, try row.decode("count"), [], [])) }
            let text = try row.decode("text", as: String.self)
            if !text.isEmpty, !samples[samples.count - 1].texts.contains(text) {
                samples[samples.count - 1].texts.append(text)
            }
            samples[samples.count - 1].ids.append(try row.decode("id"))
        }
        return samples.map { FailureSample(code: $0.code, count: $0.count, texts: $0.texts, messageIDs: $0.ids) }
    }
}
