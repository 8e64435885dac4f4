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
        let missing = try await Migrator(pool: pool, logger: logger).pending()
        guard missing.isEmpty else { throw SchemaError.outdated(missing: missing.count) }
        let now = now()
        return try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            var plan = try await Self.compare(desired, on: connection)
            try await DriftDetector.mark(&plan, on: connection)
            try await ImpactEstimator.estimate(&plan, desired, now: now, on: connection)
            FireTimeFinder.find(&plan, now: now)
            plan.unmanagedCounts = try await ManagedRepository.unmanagedCounts(tenants: desired.tenants, on: connection)
            return plan
        }
    }

    /// The bare plan, within the caller's transaction.
    static func compare(_ desired: DesiredState, on connection: PostgresConnection) async throws -> Plan {
        let state = try await CurrentState.read(against: desired, on: connection)
        try desired.checkTenants(against: state)
        return try Differ.plan(from: state, to: desired)
    }
}
