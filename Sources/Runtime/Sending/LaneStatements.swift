import Foundation
package import Logging
import Postgres
package import Store

/// The statements that messages need, batched over all lanes of a daemon; see ``GroupCommit``.
///
/// A thousand lanes with a few messages each cost no more statements than one lane with many.
package final class LaneStatements: Sendable {
    /// Statements at the same time: more than one, so a locked run does not block other lanes; few, so batches grow under
    /// load.
    private static let width = 3
    /// Messages in one statement: about 10 ms of Postgres's time.
    private static let largest = 500

    private let claims: GroupCommit<SendClaim, [ClaimedMessage], UUID>
    private let outcomes: GroupCommit<[MessageOutcome], Void, UUID>
    private let identities: GroupCommit<LearnedIDs, Void, OnlyLane>

    /// Makes the statements; ``run()`` must be running for any to be executed.
    ///
    /// - Parameters:
    ///   - messages: Executes the statements.
    ///   - contacts: Learns the ids of contacts that answers name.
    ///   - guards: Pauses runs whose messages fail alike.
    ///   - logger: Logs failures.
    package init(messages: MessageRepository, contacts: ContactIDRepository, guards: RunGuards, logger: Logger) {
        claims = GroupCommit(.init(width: Self.width, largest: Self.largest)) { claims in
            do {
                var claimed = Dictionary(grouping: try await messages.begin(claims), by: \.lease)
                return claims.map { claimed.removeValue(forKey: $0.lease) ?? [] }
            } catch let error as PostgresError where error.isAboutValues && claims.count == 1 {
                return [try await Self.beginApart(claims[0], of: messages, refusal: error)]
            }
        }
        outcomes = GroupCommit(.init(width: Self.width, largest: Self.largest)) { batches in
            let outcomes = Array(batches.joined())
            // Before the outcome, so that a crash in between loses no consent that was withdrawn.
            try await messages.takeConsent(of: outcomes)
            await guards.pause(try await messages.record(outcomes))
            return batches.map { _ in }
        }
        identities = GroupCommit(.init(largest: Self.largest)) { learned, error in
            let metadata: Logger.Metadata = ["count": "\(learned.count)", "error": "\(error)"]
            logger.warning("Could not store ids of contacts, statuses bring them again", metadata: metadata)
        } commit: { learned in
            try await contacts.learn(learned)
            return learned.map { _ in }
        }
    }

    /// Claims a reservation that Postgres refuses as a whole in ever smaller parts, and fails the messages that it refuses
    /// alone.
    ///
    /// If it refuses each of them, the cause is not in one row: none is failed, and their leases expire.
    private static func beginApart(
        _ claim: SendClaim,
        of messages: MessageRepository,
        refusal: PostgresError
    ) async throws -> [ClaimedMessage] {
        var claimed: [ClaimedMessage] = []
        var refused: [UUID: String] = [:]
        var parts = claim.ids.halves
        while let part = parts.popLast() {
            do {
                claimed += try await messages.begin([claim.part(part)])
            } catch {
                guard error.isAboutValues else { throw error }
                if part.count > 1 { parts += part.halves } else { refused[part[0]] = error.description }
            }
        }
        guard refused.count < claim.ids.count else { throw refusal }
        try await messages.park(refused)
        return claimed
    }

    /// Claims the messages of a reservation for sending; see `MessageRepository.begin`.
    func begin(_ claim: SendClaim, of sender: UUID) async throws -> [ClaimedMessage] {
        try await claims.perform(claim, weight: claim.ids.count, of: sender)
    }

    /// Writes outcomes of messages; see `MessageRepository.record(_:)`.
    func record(_ messages: [MessageOutcome], of sender: UUID) async throws {
        try await outcomes.perform(messages, weight: messages.count, of: sender)
    }

    /// Takes ids of a contact that an answer named, without waiting until they are stored.
    func learn(_ ids: LearnedIDs) {
        // After the end nothing is stored: statuses bring the ids again.
        _ = identities.add(ids)
    }

    /// Executes statements until ``finish()`` was called, or until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.claims.run() }
            group.addTask { await self.outcomes.run() }
            group.addTask { await self.identities.run() }
        }
    }

    /// Ends ``run()`` after everything handed in so far is executed.
    func finish() {
        claims.finish()
        outcomes.finish()
        identities.finish()
    }
}

extension Array {
    /// The two halves of an array with several elements; otherwise the array itself, if it is not empty.
    var halves: [[Element]] {
        guard count > 1 else { return isEmpty ? [] : [self] }
        return [Array(prefix(count / 2)), Array(dropFirst(count / 2))]
    }
}
