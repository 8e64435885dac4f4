public import Foundation
public import Postgres

extension QuotaRepository {
    /// Where the quota of each sender stands.
    ///
    /// - Returns: The senders in their order, each with its quota; senders of one group share it.
    public func status(
        of senders: [SenderRecord],
        now: Date,
        on pool: PostgresPool
    ) async throws -> [(sender: SenderRecord, quota: QuotaStatus)] {
        let groups = Array(Set(senders.map(\.quotaGroup)))
        let used = try await pool.withConnection { try await self.used(by: groups, now: now, on: $0) }
        return senders.map { sender in
            let status = QuotaStatus(
                businessSent24h: used[sender.quotaGroup] ?? 0,
                tierLimit: sender.dailyLimit,
                resumesByItself: sender.resumesByItself
            )
            return (sender, status)
        }
    }
}
