public import Foundation
import JSON
public import Postgres
import Spec
import Store

/// Applies plans, each in one transaction.
public struct Applier: Sendable {
    /// The actor, commit and version that the history records.
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
    ///   - now: The clock; schedules fire next after it.
    public init(pool: PostgresPool, now: @escaping @Sendable () -> Date = { Date() }) {
        self.pool = pool
        self.now = now
    }

    /// Applies a plan that ``Planner`` made, if it has not changed since.
    ///
    /// The transaction is serializable: a plan made from a state that another reconcile has just replaced fails, even
    /// if the lock was released in between.
    ///
    /// - Parameters:
    ///   - plan: The plan that was shown.
    ///   - desired: The specs that the plan was made from.
    ///   - rules: The safety rules; they are checked again, because a run may have started meanwhile.
    ///   - origin: The origin that the history records.
    /// - Returns: The id of the history entry; `nil` if there was nothing to do. Limits that the rules allow beyond a
    ///   policy are stored too, also by an empty plan.
    /// - Throws: ``ReconcileError``, `ManagedError` or `PostgresError`. Nothing was changed then, except possibly after
    ///   `PostgresError.commitUnknown`.
    public func apply(
        _ plan: Plan,
        _ desired: DesiredState,
        rules: SafetyRules,
        origin: Origin
    ) async throws -> Int? {
        let grants = rules.grants(of: plan).filter { desired.items[$0.identity] != nil }
        guard !plan.isEmpty || !grants.isEmpty else {
            try await remember(desired, changesRates: plan.changesRates)
            return nil
        }
        let stopped = plan.changes.filter { $0.action == .delete && $0.identity.kind == .campaign }.compactMap(\.rowID)
        return try await pool.transaction(isolation: .serializable, retries: 10, deadline: .seconds(120)) {
            connection in
            try await RunRepository.lockOpen(ofCampaigns: stopped, on: connection)
            guard try await ReconcileLock.take(on: connection) else {
                throw ReconcileError.lockBusy(holder: try await ReconcileLock.holder(on: connection))
            }
            let current = try await Planner.compare(desired, now: now(), on: connection)
            guard current.digest == plan.digest else {
                throw ReconcileError.staleDigest(expected: plan.digest, actual: current.digest)
            }
            // The new plan knows which runs are open by now, and only the old one has counted recipients.
            let refusals = rules.refusals(of: current)
            let counted = rules.refusals(of: plan).filter { !refusals.contains($0) }
            guard refusals.isEmpty, counted.isEmpty else { throw ReconcileError.refused(refusals + counted) }
            try await write(plan, origin, on: connection)
            try await storeMedia(desired, on: connection)
            try await SubmissionRepository.want(
                plan.templates.compactMap(\.wish),
                takingBack: plan.templates.compactMap(\.takenBack),
                digest: plan.digest,
                on: connection
            )
            try await PolicyGrantRepository().store(grants, on: connection)
            if desired.setsEnvironment {
                try await SpecEnvironmentRepository.store(desired.environment, on: connection)
            }
            let tenants = desired.tenants ?? desired.allTenants
            try await RateRepository.store(desired.rates, of: tenants, on: connection)
            try await AudienceRepository.forgetFormerFilters(of: tenants, on: connection)
            let counts = (creates: plan.creates, updates: plan.updates, deletes: plan.deletes)
            let entry = HistoryRepository.Entry(
                digest: plan.digest,
                actor: origin.actor,
                gitCommit: origin.gitCommit,
                counts: counts,
                plan: plan.record(allowing: grants, rules.allowances(of: plan)),
                toolVersion: origin.toolVersion
            )
            return try await HistoryRepository().add(entry, on: connection)
        }
    }

    /// Records the environment of specs that change nothing else, so that those of another one are refused from now on, and the
    /// prices beside them.
    private func remember(_ desired: DesiredState, changesRates: Bool) async throws {
        guard desired.setsEnvironment || changesRates else { return }
        try await pool.transaction(isolation: .serializable, retries: 10, deadline: .seconds(60)) { connection in
            if changesRates {
                let tenants = desired.tenants ?? desired.allTenants
                try await RateRepository.store(desired.rates, of: tenants, on: connection)
            }
            guard desired.setsEnvironment else { return }
            let stored = try await SpecEnvironmentRepository.stored(on: connection)
            guard stored != desired.environment else { return }
            try desired.checkEnvironment(of: stored)
            try await SpecEnvironmentRepository.store(desired.environment, on: connection)
        }
    }

    /// Stores the files that the specs name and the database lacks, one at a time, so that few bytes are in memory.
    private func storeMedia(_ desired: DesiredState, on connection: PostgresConnection) async throws {
        let files = Dictionary(
            desired.media.sorted { $0.path < $1.path }
                .map { (MediaRepository.Key(tenant: $0.tenant, digest: $0.reference.digest), $0) }
        ) { first, _ in first }
        let keys = files.keys.sorted { ($0.tenant, $0.digest) < ($1.tenant, $1.digest) }
        try await MediaRepository.retype(files.mapValues(\.reference.type), on: connection)
        let missing = try await MediaRepository.missing(keys, on: connection)
        for key in keys where missing.contains(key) {
            guard let file = files[key] else { continue }
            let bytes = try await BlockingWork.run {
                Result { () throws(MediaFile.Changed) in try file.bytes() }
            }.get()
            try await MediaRepository.store(bytes, of: file.reference, tenant: file.tenant, on: connection)
        }
        try await MediaRepository.name(files.mapValues(\.path), on: connection)
        let tenants = desired.tenants ?? desired.allTenants
        try await MediaRepository.mark(used: keys, of: tenants, on: connection)
    }

    private func write(_ plan: Plan, _ origin: Origin, on connection: PostgresConnection) async throws {
        // A row that holds a unique key beside its name is archived before another row takes the key.
        for kind in SpecKind.allCases where kind.hasUniqueCampaign { try await archive(plan, kind, on: connection) }
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
        for kind in SpecKind.allCases.reversed() where !kind.hasUniqueCampaign {
            try await archive(plan, kind, on: connection)
        }
    }

    /// Adopts unmanaged rows, and parks the rows that swap names or campaigns, so that no unique key is taken twice.
    private func makeRoom(_ plan: Plan, _ kind: SpecKind, on connection: PostgresConnection) async throws {
        let updated = plan.changes.filter { $0.action == .update && $0.identity.kind == kind }
        let repository = ManagedRepository(kind: kind)
        let parked = updated.filter { !$0.isAdoption && ($0.renamedFrom != nil || kind.hasUniqueCampaign) }
        try await repository.park(parked.compactMap(\.rowID), on: connection)
        try await repository.adopt(updated.filter(\.isAdoption).compactMap(\.rowID), on: connection)
        // Only managed rows can be parked, so adoption comes first.
        let adopted = updated.filter { $0.isAdoption && kind.hasUniqueCampaign }
        try await repository.park(adopted.compactMap(\.rowID), on: connection)
    }

    private func archive(_ plan: Plan, _ kind: SpecKind, on connection: PostgresConnection) async throws {
        let ids = plan.changes.filter { $0.action == .delete && $0.identity.kind == kind }.compactMap(\.rowID)
        try await ManagedRepository(kind: kind).archive(ids, on: connection)
        guard kind == .campaign else { return }
        try await RunRepository.cancelOpen(
            ofCampaigns: ids,
            reason: "its spec was deleted",
            by: .reconcile,
            on: connection
        )
    }

    private func rows(_ plan: Plan, _ kind: SpecKind, _ action: PlannedChange.Action) -> [ManagedRow] {
        let now = now()
        return plan.changes.compactMap { change in
            guard change.action == action, change.identity.kind == kind, let content = change.after else { return nil }
            return ManagedRow(
                id: change.rowID ?? UUID(),
                identity: change.identity,
                content: content,
                nextRun: kind == .schedule ? FireTimes.nextRun(of: change, now: now) : nil
            )
        }
    }

    /// Freezes the content of a campaign's next run; events and modules give their recipients themselves.
    private func draft(_ row: ManagedRow) throws -> RevisionRepository.Draft? {
        guard let message = row.content["message"] else { return nil }
        return RevisionRepository.Draft(
            campaignID: row.id,
            tenantID: row.identity.tenant,
            content: try RevisionContent(
                message: message,
                audience: row.content["audienceFilter"] ?? row.content["audience"],
                templateText: row.content["templateText"]?.stringValue,
                onUserCap: row.content["onUserCap"]
            )
        )
    }
}

extension SpecKind {
    /// True if a campaign has at most one row of this kind, so that rows compete for campaigns as well as for names.
    fileprivate var hasUniqueCampaign: Bool { self == .trigger }
}
