public import Foundation
import JSON
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
    private let now: @Sendable () -> Date

    /// Makes an applier.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - now: The instant after which schedules fire next.
    public init(pool: PostgresPool, now: @escaping @Sendable () -> Date = { Date() }) {
        self.pool = pool
        self.now = now
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
        let stopped = plan.changes.filter { $0.action == .delete && $0.identity.kind == .campaign }.compactMap(\.rowID)
        return try await pool.transaction(isolation: .serializable, retries: 10, deadline: .seconds(120)) {
            connection in
            try await RunRepository.lockOpen(ofCampaigns: stopped, on: connection)
            guard try await ReconcileLock.take(on: connection) else {
                throw ReconcileError.lockBusy(holder: try await ReconcileLock.holder(on: connection))
            }
            let current = try await Planner.compare(desired, on: connection)
            guard current.digest == plan.digest else {
                throw ReconcileError.staleDigest(expected: plan.digest, actual: current.digest)
            }
            // The one plan knows what runs by now, the other how many recipients there are.
            let refusals = rules.refusals(of: current)
            let counted = rules.refusals(of: plan).filter { !refusals.contains($0) }
            guard refusals.isEmpty, counted.isEmpty else { throw ReconcileError.refused(refusals + counted) }
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
        // A campaign has one trigger, so the old one goes before a new one comes.
        try await archive(plan, .trigger, on: connection)
        for kind in SpecKind.allCases { try await makeRoom(plan, kind, on: connection) }
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
        for kind in SpecKind.allCases.reversed() where kind != .trigger {
            try await archive(plan, kind, on: connection)
        }
    }

    /// Takes over the rows of others, and rows out of each other's way that swap names or campaigns.
    private func makeRoom(_ plan: Plan, _ kind: SpecKind, on connection: PostgresConnection) async throws {
        let updated = plan.changes.filter { $0.action == .update && $0.identity.kind == kind }
        let repository = ManagedRepository(kind: kind)
        let parked = updated.filter { !$0.isAdoption && ($0.renamedFrom != nil || kind == .trigger) }
        try await repository.park(parked.compactMap(\.rowID), on: connection)
        try await repository.adopt(updated.filter(\.isAdoption).compactMap(\.rowID), on: connection)
        // Only now, as it bears no name of a spec until then.
        let adopted = updated.filter { $0.isAdoption && kind == .trigger }
        try await repository.park(adopted.compactMap(\.rowID), on: connection)
    }

    private func archive(_ plan: Plan, _ kind: SpecKind, on connection: PostgresConnection) async throws {
        let ids = plan.changes.filter { $0.action == .delete && $0.identity.kind == kind }.compactMap(\.rowID)
        try await ManagedRepository(kind: kind).archive(ids, on: connection)
        guard kind == .campaign else { return }
        try await RunRepository.cancelOpen(ofCampaigns: ids, reason: "its spec was deleted", on: connection)
    }

    private func rows(_ plan: Plan, _ kind: SpecKind, _ action: PlannedChange.Action) -> [ManagedRow] {
        let now = now()
        return plan.changes.compactMap { change in
            guard change.action == action, change.identity.kind == kind, let content = change.after else { return nil }
            return ManagedRow(
                id: change.rowID ?? UUID(),
                identity: change.identity,
                content: content,
                nextRun: kind == .schedule ? NextRunRule.nextRun(of: change, now: now) : nil
            )
        }
    }

    /// What a run of the campaign sends, and to whom; events and modules name the recipients themselves.
    private func draft(_ row: ManagedRow) throws -> RevisionRepository.Draft? {
        guard let message = row.content["message"] else { return nil }
        return RevisionRepository.Draft(
            campaignID: row.id,
            tenantID: row.identity.tenant,
            content: try RevisionContent(
                message: message,
                audience: row.content["audienceFilter"] ?? row.content["audience"]
            )
        )
    }
}
