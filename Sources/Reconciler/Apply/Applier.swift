import Foundation
public import Postgres
import Spec
import Store

/// Applies plans: as a whole, or not at all.
public struct Applier: Sendable {
    /// Who applies, for the history.
    public struct Origin: Hashable, Sendable {
        public let actor: String
        public let gitCommit: String?
        public let toolVersion: String

        public init(actor: String, gitCommit: String?, toolVersion: String) {
            self.actor = actor
            self.gitCommit = gitCommit
            self.toolVersion = toolVersion
        }
    }

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Applies a plan that ``Planner`` made, if it still is what has to be done.
    ///
    /// The transaction is serializable: a plan made from a state that another application has just replaced can only
    /// fail, even if the lock was given back in between.
    ///
    /// - Parameters:
    ///   - plan: The plan that somebody has seen.
    ///   - desired: What it was made from.
    ///   - rules: Checked again, as a run may have begun meanwhile.
    ///   - origin: Who applies it.
    /// - Returns: The id of the entry in the history; `nil` when there was nothing to do.
    /// - Throws: ``ReconcileError``, `ManagedError` or `PostgresError`; then nothing was changed, except after
    ///   `PostgresError.commitUnknown`.
    public func apply(
        _ plan: Plan,
        _ desired: DesiredState,
        rules: SafetyRules,
        origin: Origin
    ) async throws -> Int? {
        guard !plan.isEmpty else { return nil }
        return try await pool.transaction(isolation: .serializable, deadline: .seconds(120)) { connection in
            guard try await ReconcileLock.take(on: connection) else {
                throw ReconcileError.lockBusy(holder: try await ReconcileLock.holder(on: connection))
            }
            let current = try await Planner.compare(desired, on: connection)
            guard current.digest == plan.digest else {
                throw ReconcileError.staleDigest(expected: plan.digest, actual: current.digest)
            }
            let refusals = rules.refusals(of: current)
            guard refusals.isEmpty else { throw ReconcileError.refused(refusals) }
            try await write(plan, origin, on: connection)
            let counts = (creates: plan.creates, updates: plan.updates, deletes: plan.deletes)
            let entry = HistoryRepository.Entry(
                digest: plan.digest,
                actor: origin.actor,
                gitCommit: origin.gitCommit,
                counts: counts,
                plan: plan.json,
                toolVersion: origin.toolVersion
            )
            return try await HistoryRepository().add(entry, on: connection)
        }
    }

    private func write(_ plan: Plan, _ origin: Origin, on connection: PostgresConnection) async throws {
        for kind in SpecKind.allCases {
            let repository = ManagedRepository(kind: kind)
            let created = rows(plan, kind, .create)
            let updated = rows(plan, kind, .update)
            try await repository.insert(created, on: connection)
            try await repository.update(updated, on: connection)
            if kind == .campaign {
                let drafts = try (created + updated).compactMap(draft)
                try await RevisionRepository().add(drafts, gitCommit: origin.gitCommit, on: connection)
            }
        }
        for kind in SpecKind.allCases.reversed() {
            let ids = plan.changes.filter { $0.action == .delete && $0.identity.kind == kind }.compactMap(\.rowID)
            try await ManagedRepository(kind: kind).archive(ids, on: connection)
        }
    }

    private func rows(_ plan: Plan, _ kind: SpecKind, _ action: PlannedChange.Action) -> [ManagedRow] {
        plan.changes.compactMap { change in
            guard change.action == action, change.identity.kind == kind, let content = change.after else { return nil }
            return ManagedRow(id: change.rowID ?? UUID(), identity: change.identity, content: content)
        }
    }

    /// What a run of the campaign would send; `nil` without an audience, as then no run of its own exists.
    private func draft(_ row: ManagedRow) throws -> RevisionRepository.Draft? {
        guard let message = row.content["message"],
            let audience = row.content["audienceFilter"] ?? row.content["audience"]
        else { return nil }
        return RevisionRepository.Draft(
            campaignID: row.id,
            tenantID: row.identity.tenant,
            content: try RevisionContent(message: message, audience: audience)
        )
    }
}
