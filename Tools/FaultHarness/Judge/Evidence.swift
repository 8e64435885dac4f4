import Foundation
import Postgres
import WhatsAppSimulator

/// What a cell has left behind, gathered from the receiver, Postgres, Redis and the kernel.
struct Evidence: Sendable {
    /// A message as the system believes it to be.
    struct Message: Sendable {
        let id: String
        let recipient: String
        let status: String
        let attempts: Int
        let waMessageID: String?
        let errorCode: String?
    }

    let messages: [Message]
    /// Runs whose counters do not equal their rows.
    let wrongCounters: [String]
    /// Wallets whose ledger, holds and messages do not say the same, in words.
    var wrongWallets: [String] = []
    /// All keys of Redis.
    let keys: [String]
    /// Every request, as the receiver wrote it down.
    let ledger: [LedgerEntry]

    static func gather(from stage: Stage) async throws -> Evidence {
        var messages: [Message] = []
        for row in try await stage.pool.query(PostgresQuery(sql: Statement.messages)) {
            messages.append(
                Message(
                    id: try row.decode(0),
                    recipient: try row.decode(2),
                    status: try row.decode(3),
                    attempts: try row.decode(4),
                    waMessageID: try row.decode(5),
                    errorCode: try row.decode(6)
                )
            )
        }
        let counters = try await stage.pool.query(PostgresQuery(sql: Statement.counters))
        let wallets = try await stage.pool.query(PostgresQuery(sql: Statement.wallet))
        return Evidence(
            messages: messages,
            wrongCounters: try counters.map { try $0.decode(0, as: String.self) },
            wrongWallets: try wallets.map { try $0.decode(0, as: String.self) },
            keys: try await stage.redis.keys(),
            ledger: try LedgerReader(path: stage.ledger.path).entries()
        )
    }
}
