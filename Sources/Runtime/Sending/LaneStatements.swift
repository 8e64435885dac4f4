import Foundation
import Postgres
package import Store

/// The two statements that every message needs, for all lanes of a daemon.
///
/// Both are combined over lanes; see ``StatementCombiner``.
package final class LaneStatements: Sendable {
    /// Enough that a run whose row somebody has locked leaves some to all others, and few enough that statements carry
    /// many messages when the machine is busy.
    private static let width = 3
    /// Most messages in one statement: 10 ms of Postgres's time.
    private static let largest = 500

    private let beginnings: StatementCombiner<SendClaim, [ClaimedMessage], UUID>
    private let outcomes: StatementCombiner<[MessageOutcome], Void, UUID>

    package init(messages: MessageRepository) {
        beginnings = StatementCombiner(width: Self.width, largest: Self.largest) { parts throws(PostgresError) in
            var begun = Dictionary(grouping: try await messages.begin(parts), by: \.lease)
            return parts.map { begun.removeValue(forKey: $0.lease) ?? [] }
        }
        outcomes = StatementCombiner(width: Self.width, largest: Self.largest) { parts throws(PostgresError) in
            try await messages.record(Array(parts.joined()))
            return parts.map { _ in }
        }
    }

    /// Asks whether the messages of a reservation may go; see `MessageRepository.begin`.
    func begin(_ beginning: SendClaim, of sender: UUID) async throws(PostgresError) -> [ClaimedMessage] {
        try await beginnings.perform(beginning, weight: beginning.ids.count, of: sender)
    }

    /// Writes what became of messages; see `MessageRepository.record(_:)`.
    func record(_ messages: [MessageOutcome], of sender: UUID) async throws(PostgresError) {
        try await outcomes.perform(messages, weight: messages.count, of: sender)
    }

    /// Carries them out until ``finish()`` was called, or until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.beginnings.run() }
            group.addTask { await self.outcomes.run() }
        }
    }

    /// Ends ``run()`` after everything handed in so far is carried out.
    func finish() {
        beginnings.finish()
        outcomes.finish()
    }
}
