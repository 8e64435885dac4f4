public import Foundation
public import Logging
public import Postgres
import Spec
import Store

/// Makes plans; it changes nothing.
public struct Planner: Sendable {
    private let pool: PostgresPool
    private let logger: Logger
    private let now: @Sendable () -> Date

    /// Makes a planner.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - logger: Receives warnings of the database.
    ///   - now: The clock; the 24 h window of contacts ends at it.
    public init(pool: PostgresPool, logger: Logger, now: @escaping @Sendable () -> Date = { Date() }) {
        self.pool = pool
        self.logger = logger
        self.now = now
    }

    /// Compares the specs with the database and counts recipients, in one read-only transaction.
    ///
    /// - Throws: `SchemaError` if the database is not migrated, ``ReconcileError`` for conflicts and unknown tenants,
    ///   `PostgresError`.
    public func plan(_ desired: DesiredState) async throws -> Plan {
        try await plan(tenants: desired.tenants) { desired }
    }

    /// Makes a plan like ``plan(_:)``, and fetches the rows while `load` reads the specs.
    ///
    /// - Parameters:
    ///   - tenants: The tenants whose specs `load` reads; empty means all.
    ///   - load: Reads the specs; it is called once.
    /// - Returns: The plan, and the second value of `load`.
    /// - Throws: The error of `load`, even if the database fails too; otherwise like ``plan(_:)``.
    public func plan<Other: Sendable>(
        tenants: [String],
        load: @escaping @Sendable () async throws -> (DesiredState, Other)
    ) async throws -> (Plan, Other) {
        let (loaded, continuation) = AsyncStream<DesiredState>.makeStream()
        return try await withThrowingTaskGroup(of: PlanningPart<Other>.self) { group in
            group.addTask {
                defer { continuation.finish() }
                let (desired, other) = try await load()
                continuation.yield(desired)
                return .loaded(other)
            }
            group.addTask {
                do {
                    let plan = try await self.plan(tenants: DesiredState.scope(tenants)) {
                        for await desired in loaded { return desired }
                        // Loading failed, and its error is the one that the caller gets.
                        throw CancellationError()
                    }
                    return .planned(.success(plan))
                } catch {
                    return .planned(.failure(error))
                }
            }
            var (plan, other): (Result<Plan, any Error>?, Other?)
            // An error of `load` ends the group and cancels the query of the other task.
            for try await part in group {
                switch part {
                case .loaded(let value): other = value
                case .planned(let result): plan = result
                }
            }
            guard let plan, let other else { throw CancellationError() }
            return (try plan.get(), other)
        }
    }

    private func plan(tenants: [String]?, desired: () async throws -> DesiredState) async throws -> Plan {
        let missing = try await Migrator(pool: pool, logger: logger).pending()
        guard missing.isEmpty else { throw SchemaError.outdated(missing: missing.count) }
        let now = now()
        var known: DesiredState?
        return try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            let stored = try await StoredState.fetch(tenants: tenants, on: connection)
            // Fetched here because the specs are still being read.
            let unmanaged = try await ManagedRepository.unmanagedCounts(tenants: tenants, on: connection)
            // The transaction may be repeated, but the specs are loaded once.
            let loaded = if let known { known } else { try await desired() }
            known = loaded
            let (compared, desired) = try await Self.compare(loaded, with: stored, now: now, on: connection)
            var plan = compared
            try await DriftDetector.mark(&plan, on: connection)
            try await ImpactEstimator.estimate(&plan, desired, now: now, on: connection)
            plan.accountRemarks = try await FilterRemarks.read(desired, now: now, on: connection)
            let told = Set(plan.templates.filter(\.isSeen).compactMap(\.template))
            plan.accountRemarks += try await AccountRemarks.read(desired, except: told, now: now, on: connection)
            try await Self.addRates(to: &plan, desired, on: connection)
            try await RetentionLoss.add(to: &plan, on: connection)
            try await ZoneCounts.add(to: &plan, desired, now: now, on: connection)
            FireTimes.add(to: &plan, zones: desired.zones, now: now)
            plan.accountRemarks += try await ScheduleRemarks.read(plan, desired, now: now, on: connection)
            plan.setUnmanaged(unmanaged)
            return plan
        }
    }

    /// Says if launches will count with other prices than before.
    private static func addRates(
        to plan: inout Plan,
        _ desired: DesiredState,
        on connection: PostgresConnection
    ) async throws {
        let tenants = desired.tenants ?? desired.allTenants
        plan.changesRates = try await !RateRepository.differing(from: desired.rates, of: tenants, on: connection)
            .isEmpty
        guard plan.changesRates else { return }
        plan.accountRemarks.append(
            desired.rates.map { "launches will count with the prices \($0.words)" }
                ?? "there are no prices beside the specs any more, so launches will not tell what they cost"
        )
    }

    /// Makes a plan without impact and fire times, within the caller's transaction; limits of WhatsApp count to `now`.
    static func compare(_ desired: DesiredState, now: Date, on connection: PostgresConnection) async throws -> Plan {
        let stored = try await StoredState.fetch(tenants: desired.tenants, on: connection)
        return try await compare(desired, with: stored, now: now, on: connection).plan
    }

    private static func compare(
        _ desired: DesiredState,
        with stored: StoredState,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> (plan: Plan, desired: DesiredState) {
        let state = try await CurrentState.read(stored, against: desired, on: connection)
        try desired.checkTenants(against: state)
        try desired.checkEnvironment(of: try await SpecEnvironmentRepository.stored(on: connection))
        let whatsApp = try await WhatsAppState.read(desired, state, now: now, on: connection)
        let (named, remarks) = TemplateNames.inForce(desired, state, whatsApp)
        var plan = try await BlockingWork.run {
            Result {
                var plan = try Differ.plan(from: state, to: named)
                plan.templates = try TemplatePlanner(desired: named, whatsApp: whatsApp, names: remarks).templates()
                return plan
            }
        }
        .get()
        if desired.policies.values.contains(where: { !$0.isEmpty }) {
            plan.setAllowed(try await PolicyGrantRepository().stored(tenants: desired.tenants, on: connection))
        }
        return (plan, named)
    }
}

/// The result of one of the two tasks of a plan.
private enum PlanningPart<Other: Sendable>: Sendable {
    case loaded(Other)
    case planned(Result<Plan, any Error>)
}

/// Distinguishes changes of specs from changes that were made to rows by hand.
enum DriftDetector {
    /// Marks the differences whose field no longer has the value that was last applied.
    static func mark(_ plan: inout Plan, on connection: PostgresConnection) async throws {
        let updated = plan.changes.filter { $0.action == .update }.map(\.identity)
        let applied = try await HistoryRepository().lastApplied(updated, on: connection)
        for index in plan.changes.indices {
            let change = plan.changes[index]
            guard change.action == .update, let content = applied[change.identity.description] else { continue }
            let drifted = Set(ValueDiffer.differences(from: content, to: change.before).map(\.path))
            for position in change.differences.indices where drifted.contains(change.differences[position].path) {
                plan.changes[index].differences[position].isDrift = true
                // A value that was changed by hand is a change of its own.
                plan.changes[index].inheritedFrom = []
            }
        }
    }
}
