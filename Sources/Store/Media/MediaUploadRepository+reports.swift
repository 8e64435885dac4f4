public import Foundation
import Postgres

extension MediaUploadRepository {
    /// An id under which a number sends a file.
    public struct Upload: Hashable, Sendable {
        public let key: Key
        /// The id that WhatsApp gave.
        public let id: String
    }

    /// Returns the ids of files that messages may have been sent with, as far as these are still in use.
    ///
    /// Messages do not keep the id, so all files of their content count that were uploaded before they were sent.
    ///
    /// - Parameter messages: The messages, by our id or by WhatsApp's.
    /// - Returns: The ids, each once; none for messages without files, or that are not known.
    /// - Throws: `PostgresError`.
    public func uploads(sentWith messages: [(waMessageID: String, messageID: UUID?)]) async throws -> [Upload] {
        guard !messages.isEmpty else { return [] }
        let rows = try await pool.query(
            """
            WITH failed AS MATERIALIZED (
                SELECT f."runId", max(f."sentAt") AS "sentAt" FROM (
                    SELECT m."runId", coalesce(m."sentAt", now()) AS "sentAt" FROM campaign_messages m
                    WHERE m.id = ANY(\(messages.compactMap(\.messageID))::uuid[])
                    UNION ALL
                    SELECT m."runId", coalesce(m."sentAt", now()) FROM campaign_messages m
                    WHERE m."waMessageId" = ANY(\(messages.filter { $0.messageID == nil }.map(\.waMessageID))::text[])
                ) f GROUP BY 1
            )
            SELECT DISTINCT u."tenantId", u.digest, u."phoneNumberId", u."mediaId"
            FROM failed f
            JOIN campaign_runs r ON \(key: "r.id", of: #"f."runId""#)
            JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
            JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
            JOIN media_uploads u ON u."tenantId" = r."tenantId" AND u."phoneNumberId" = s."phoneNumberId"
            WHERE u."mediaId" IS NOT NULL AND u."uploadedAt" <= f."sentAt" AND strpos(v.content::text, u.digest) > 0
            """
        )
        return try rows.map { row in
            let file = MediaRepository.Key(tenant: try row.decode(0), digest: try row.decode(1))
            return Upload(key: Key(file: file, number: try row.decode(2)), id: try row.decode(3))
        }
    }
}
