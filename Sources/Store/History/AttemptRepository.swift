public import Foundation
public import Postgres

/// Specs that could not be applied, with the reason.
public struct AttemptRepository: Sendable {
    /// The result of an attempt.
    public enum Outcome: String, Sendable {
        /// The specs have errors.
        case invalid
        /// A safety rule blocks the plan.
        case refused
        /// The attempt failed for another reason.
        case failed
    }

    /// One state of the specs that could not be applied.
    public struct Record: Sendable {
        /// The commit of the specs at the last attempt.
        public let gitCommit: String?
        public let actor: String
        public let outcome: String
        public let reason: String
        /// The number of attempts since ``firstAt``.
        public let count: Int
        /// The time of the first attempt, or of the first one after it was healed.
        public let firstAt: Date
        public let lastAt: Date
        /// The time at which the specs were valid again; `nil` if they have not been since.
        public let healedAt: Date?
    }

    /// The maximum length of a reason; longer ones are cut, because the log has all errors.
    private static let reasonLength = 4_000

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Records an attempt.
    ///
    /// - Parameters:
    ///   - fingerprint: Identifies the state of the specs and the reason.
    ///   - gitCommit: The commit of the specs.
    ///   - actor: The person or program that tried.
    ///   - outcome: The result of the attempt.
    ///   - reason: The reason, for people.
    /// - Returns: True if it is the first attempt of this kind, or the first one since it was healed.
    /// - Throws: `PostgresError`.
    public func add(
        fingerprint: String,
        gitCommit: String?,
        actor: String,
        outcome: Outcome,
        reason: String
    ) async throws -> Bool {
        let rows = try await pool.query(
            """
            INSERT INTO reconcile_attempts (fingerprint, "gitCommit", actor, outcome, reason)
            VALUES (
                \(fingerprint), \(gitCommit), \(actor), \(outcome.rawValue), \(String(reason.prefix(Self.reasonLength)))
            )
            ON CONFLICT (fingerprint) DO UPDATE SET
                count = CASE WHEN reconcile_attempts."healedAt" IS NULL THEN reconcile_attempts.count + 1 ELSE 1 END,
                "firstAt" = CASE WHEN reconcile_attempts."healedAt" IS NULL THEN reconcile_attempts."firstAt" ELSE now() END,
                "lastAt" = now(), "healedAt" = NULL, "gitCommit" = EXCLUDED."gitCommit", actor = EXCLUDED.actor
            RETURNING count = 1
            """
        )
        return try rows[0].decode(0)
    }

    /// Records that the specs are valid, so that a former problem is reported again when it comes back.
    ///
    /// - Throws: `PostgresError`.
    public func heal() async throws {
        try await pool.execute("UPDATE reconcile_attempts SET \"healedAt\" = now() WHERE \"healedAt\" IS NULL")
    }

    /// Returns the latest records, newest first.
    ///
    /// - Throws: `PostgresError`.
    public func list(limit: Int) async throws -> [Record] {
        let rows = try await pool.query(
            """
            SELECT "gitCommit", actor, outcome, reason, count, "firstAt", "lastAt", "healedAt"
            FROM reconcile_attempts ORDER BY "lastAt" DESC LIMIT \(limit)
            """
        )
        return try rows.map { row in
            Record(
                gitCommit: try row.decode(0),
                actor: try row.decode(1),
                outcome: try row.decode(2),
                reason: try row.decode(3),
                count: try row.decode(4),
                firstAt: try row.decode(5),
                lastAt: try row.decode(6),
                healedAt: try row.decode(7)
            )
        }
    }
}
