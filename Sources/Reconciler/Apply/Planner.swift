public import Foundation
public import Logging
public import Postgres
import Spec
import Store

/// Makes plans, without changing anything.
public struct Planner: Sendable {
    private let pool: PostgresPool
    private let logger: Logger
    private let now: @Sendable () -> Date

    /// Makes a planner.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - logger: Where warnings of the database go.
    ///   - now: The instant that "within 24 hours" is counted from.
    public init(pool: PostgresPool, logger: Logger, now: @escaping @Sendable () -> Date = { Date() }) {
        self.pool = pool
        self.logger = logger
        self.now = now
    }

    /// Compares specs with the database and counts recipients, in one read-only transaction.
    ///
    /// - Throws: `SchemaError` when the database is not migrated, ``ReconcileError`` for conflicts and unknown tenants,
    ///   `PostgresError`.
    public func plan(_ desired: DesiredState) async throws -> Plan {
        try await plan(tenants: desired.tenants) { desired }
    }

    /// Makes a plan like ``plan(_:)``, and fetches what is in the database while `load` reads the specs.
    ///
    /// - Parameters:
    ///   - tenants: Whose specs `load` takes; empty means all.
    ///   - load: Reads the specs; called once, and not waited for any longer when the caller is cancelled.
    /// - Returns: The plan, and what `load` returned beside what is wanted.
    /// - Throws: What `load` throws, whatever the database does meanwhile; or else like ``plan(_:)``.
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
                        // Only where loading failed, which is what the caller hears of.
                        throw CancellationError()
                    }
                    return .planned(.success(plan))
                } catch {
                    return .planned(.failure(error))
                }
            }
            var (plan, other): (Result<Plan, any Error>?, Other?)
            // An error of `load` ends the group, and cancels what the other task does in the database.
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
            // Now, while the specs are still being read.
            let unmanaged = try await ManagedRepository.unmanagedCounts(tenants: tenants, on: connection)
            // The transaction may be repeated, the loading not.
            let desired = if let known { known } else { try await desired() }
            known = desired
            var plan = try await Self.compare(desired, with: stored, on: connection)
            try await DriftDetector.mark(&plan, on: connection)
            try await ImpactEstimator.estimate(&plan, desired, now: now, on: connection)
            FireTimeFinder.find(&plan, now: now)
            plan.leaveAlone(unmanaged)
            return plan
        }
    }

    /// The bare plan, within the caller's transaction.
    static func compare(_ desired: DesiredState, on connection: PostgresConnection) async throws -> Plan {
        let stored = try await StoredState.fetch(tenants: desired.tenants, on: connection)
        return try await compare(desired, with: stored, on: connection)
    }

    private static func compare(
        _ desired: DesiredState,
        with stored: StoredState,
        on connection: PostgresConnection
    ) async throws -> Plan {
        let state = try await CurrentState.read(stored, against: desired, on: connection)
        try desired.checkTenants(against: state)
        return try await BlockingWork.run { Result { try Differ.plan(from: state, to: desired) } }.get()
    }
}

/// What one of the two tasks of a plan came to.
private enum PlanningPart<Other: Sendable>: Sendable {
    case loaded(Other)
    case planned(Result<Plan, any Error>)
}
