public import Foundation
public import Postgres

/// Measures by how much a streaming replica is older than its primary.
public struct ReplicaRepository: Sendable {
    /// A server, a database of it, and the schema in use: a replica has those of its primary.
    public struct Identity: Hashable, Sendable {
        /// The number that a server has from its first start, and its replicas share; `nil` if the role may not see it.
        let system: String?
        let database: String
        let schema: String?
    }

    /// The end of the log on the primary.
    public struct End: Sendable {
        public let identity: Identity
        /// The bytes that were written durably, since ever.
        public let position: Int
        /// The clock of the primary.
        public let time: Date
    }

    /// The progress of a replica.
    public struct Progress: Sendable {
        public let identity: Identity
        /// The bytes of the log that it has replayed; `nil` if it replays none, because it is no replica.
        public let position: Int?
        /// The commit time, by the clock of the primary, of the last transaction that it has replayed.
        public let lastCommit: Date?
    }

    private static let deadline = Duration.seconds(1)

    private let primary: PostgresPool
    private let replica: PostgresPool

    public init(primary: PostgresPool, replica: PostgresPool) {
        (self.primary, self.replica) = (primary, replica)
    }

    /// Reads the end of the log on the primary.
    ///
    /// - Throws: `PostgresError`.
    public func end() async throws -> End {
        try await primary.withConnection { connection in
            let identity = try await Self.identity(on: connection)
            let row = try await connection.query(
                "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::int8, clock_timestamp()",
                deadline: Self.deadline
            )[0]
            return End(identity: identity, position: try row.decode(0), time: try row.decode(1))
        }
    }

    /// Reads the progress of the replica.
    ///
    /// - Throws: `PostgresError`.
    public func progress() async throws -> Progress {
        try await replica.withConnection { connection in
            let identity = try await Self.identity(on: connection)
            let row = try await connection.query(
                """
                SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::int8 END,
                    pg_last_xact_replay_timestamp()
                """,
                deadline: Self.deadline
            )[0]
            return Progress(identity: identity, position: try row.decode(0), lastCommit: try row.decode(1))
        }
    }

    /// Returns whether the sessions of a pool that listen are in the database and schema of its others.
    ///
    /// - Throws: `PostgresError`.
    public static func listensToItself(_ pool: PostgresPool) async throws -> Bool {
        let listening = try await pool.withListeningSession { try await identity(on: $0) }
        return try await pool.withConnection { try await identity(on: $0) } == listening
    }

    /// Reads which server and database a connection leads to.
    ///
    /// - Throws: `PostgresError`.
    private static func identity(on connection: PostgresConnection) async throws(PostgresError) -> Identity {
        do throws(PostgresError) {
            let row = try await connection.query(
                "SELECT system_identifier::text, current_database()::text, current_schema()::text FROM pg_control_system()",
                deadline: deadline
            )[0]
            return Identity(system: try row.decode(0), database: try row.decode(1), schema: try row.decode(2))
        } catch  where error.sqlState == "42501" {
            // Some providers keep the function from their users.
            let row = try await connection.query(
                "SELECT current_database()::text, current_schema()::text",
                deadline: deadline
            )[0]
            return Identity(system: nil, database: try row.decode(0), schema: try row.decode(1))
        }
    }
}

/// Decides how old the state of a replica is, from where the log of the primary ended at which time.
///
/// The position alone tells it: a replica that has replayed what the primary had written at a time is not older than that
/// time. So an idle primary does not make its replica look old, as the time of the last transaction would, and no clocks are
/// compared. That time, by the primary's clock, counts where it tells more, as in the first seconds.
public struct ReplicaAge: Sendable {
    /// The reason why a replica is not read.
    public enum Refusal: Error, Hashable, CustomStringConvertible {
        case notAReplica
        case anotherServer
        /// It is older than what is remembered of the primary.
        case behind(atLeast: Duration)

        public var description: String {
            switch self {
            case .notAReplica: "DATABASE_READ_URL leads to a server that is no replica"
            case .anotherServer: "DATABASE_READ_URL leads to another server, database or schema than DATABASE_URL"
            case .behind(let time): "it is more than \(time.components.seconds) s behind"
            }
        }
    }

    private let memory: Duration
    /// The time from which on the ends are known.
    private var start: ContinuousClock.Instant?
    /// The ends of the log by time, the latest last.
    private var ends: [(position: Int, at: ContinuousClock.Instant)] = []

    /// Makes the judge.
    ///
    /// - Parameter maximum: The greatest age that matters.
    public init(upTo maximum: Duration) {
        memory = maximum
    }

    /// Returns the age of the replica at a time.
    ///
    /// - Parameters:
    ///   - progress: What the replica has replayed, read after `end`.
    ///   - end: The end of the log on the primary.
    ///   - asked: The time before `end` was asked for.
    ///   - now: The time.
    /// - Returns: The age; `nil` if the primary has not been watched for long enough to tell.
    /// - Throws: ``Refusal``.
    public mutating func age(
        of progress: ReplicaRepository.Progress,
        end: ReplicaRepository.End,
        asked: ContinuousClock.Instant,
        now: ContinuousClock.Instant
    ) throws(Refusal) -> Duration? {
        guard progress.identity == end.identity else { throw .anotherServer }
        guard let position = progress.position else { throw .notAReplica }
        // After a restore the log begins anew at an earlier position.
        if let last = ends.last, end.position < last.position { (start, ends) = (nil, []) }
        let start = start ?? asked
        self.start = start
        ends.append((end.position, asked))
        ends.removeAll { [memory] in now - $0.at > memory }
        var ages = ends.filter { $0.position <= position }.map { now - $0.at }
        if let commit = progress.lastCommit {
            let late = max(0, end.time.timeIntervalSince(commit))
            ages.append(.seconds(late) + (now - asked))
        }
        if let age = ages.min(), age <= memory { return age }
        if now - start <= memory { return nil }
        throw .behind(atLeast: memory)
    }
}
