public import Foundation
import JSON
public import Postgres

/// The causes that keep one lane of a daemon from sending.
public struct LaneReport: Hashable, Sendable {
    public let sender: UUID
    /// At least one.
    public let causes: [Waiting]

    public init(sender: UUID, causes: [Waiting]) {
        (self.sender, self.causes) = (sender, causes)
    }
}

/// The daemons that run, by what they say of themselves.
public struct DaemonRepository: Sendable {
    /// The daemons that were seen lately.
    public struct Presence: Sendable {
        /// Postgres's clock.
        public let now: Date
        /// The last heartbeat of any daemon; `nil` if there was none in the last minutes, and none before.
        public let lastSeen: Date?
        /// The reports of the daemons that run; a lane that is not listed is not stopped.
        let lanes: [[UUID: [Waiting]]]

        /// True if a daemon runs.
        public var isAnyRunning: Bool {
            lastSeen.map { now.timeIntervalSince($0) <= WaitingFacts.heartbeatLimit } ?? false
        }

        /// Returns the causes that each daemon reports for a lane; empty if the lane sends.
        func reports(of sender: UUID) -> [[Waiting]] { lanes.map { $0[sender] ?? [] } }
    }

    /// The daemons with a number that were seen lately, by whether a session holds their lock.
    public struct Census: Hashable, Sendable {
        public let living: Set<DaemonNumber>
        /// Their processes have ended, or only their connections broke.
        public let missing: Set<DaemonNumber>

        public init(living: Set<DaemonNumber>, missing: Set<DaemonNumber>) {
            (self.living, self.missing) = (living, missing)
        }
    }

    /// Time after which the row of a daemon that is gone is removed by the others, in seconds.
    private static let retention = 600.0
    /// The first key of the advisory locks that daemons hold, "dmon" in ASCII; the second one is their number.
    private static let lockClass = 0x646d_6f6e
    /// Time after a start of Postgres in which no daemon is judged, in seconds: longer than daemons take to connect again, which
    /// wait for at most five seconds between two attempts.
    private static let returnTime = 6.0

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Leaves a heartbeat, and removes those of daemons that are long gone.
    ///
    /// One statement; the last row stays after the last daemon, so that one sees since when none runs.
    ///
    /// - Parameters:
    ///   - daemon: The id of the daemon, new at each start.
    ///   - version: Its version.
    ///   - number: Its number, once a session of it has held the lock of that number; `nil` if it cannot hold it.
    ///   - lanes: Its lanes that cannot send.
    /// - Throws: `PostgresError`; the next heartbeat says the same.
    public func beat(
        _ daemon: UUID,
        version: String,
        number: DaemonNumber? = nil,
        lanes: [LaneReport]
    ) async throws(PostgresError) {
        let reports = PostgresJSON(.array(lanes.map(\.json)))
        try await pool.execute(
            """
            WITH gone AS (
                DELETE FROM daemon_heartbeats
                WHERE id <> \(daemon) AND "lastSeen" < now() - \(Self.retention) * interval '1 second'
                RETURNING id, version, since, "lastSeen", "stoppedAt"
            ), kept AS (
                INSERT INTO former_daemons (id, version, since, "lastSeen", "stoppedAt")
                SELECT * FROM gone ON CONFLICT DO NOTHING
            )
            INSERT INTO daemon_heartbeats (id, version, number, lanes)
            VALUES (\(daemon), \(version), \(number?.value), \(reports)::jsonb)
            ON CONFLICT (id) DO UPDATE SET "lastSeen" = now(), number = excluded.number, lanes = excluded.lanes
            """
        )
    }

    /// Says that a daemon stops as it was told to; without it, the daemon counts as one that died.
    public func end(_ daemon: UUID) async throws(PostgresError) {
        try await pool.execute(
            """
            UPDATE daemon_heartbeats SET "lastSeen" = now(), "stoppedAt" = now() WHERE id = \(daemon)
            """,
            deadline: .seconds(2)
        )
    }

    /// Looks which daemons run.
    public func presence() async throws -> Presence {
        try await pool.withConnection { try await Self.presence(on: $0) }
    }

    static func presence(on connection: PostgresConnection) async throws -> Presence {
        let rows = try await connection.query(
            """
            SELECT clock_timestamp() AS now, d."lastSeen", d.lanes
            FROM (VALUES (1)) one(n) LEFT JOIN daemon_heartbeats d ON true ORDER BY d."lastSeen" DESC NULLS LAST
            """
        )
        let now = try rows[0].decode("now", as: Date.self)
        var lanes: [[UUID: [Waiting]]] = []
        for row in rows {
            guard let seen = try row.decode("lastSeen", as: Date?.self),
                now.timeIntervalSince(seen) <= WaitingFacts.heartbeatLimit
            else { continue }
            lanes.append(LaneReport.read(try row.json("lanes") ?? .null))
        }
        return Presence(now: now, lastSeen: try rows[0].decode("lastSeen"), lanes: lanes)
    }
}

extension DaemonRepository {
    /// Listens on these channels over sessions that show that the daemon lives.
    ///
    /// Each session holds an advisory lock of the daemon's number. Postgres drops it at the moment at which the connection
    /// closes, also when the process is killed. It is shared, so that a session of the same daemon that Postgres still
    /// believes in keeps no new one waiting.
    ///
    /// - Parameters:
    ///   - channels: The channels, as the repositories name them; those of other schemas are others.
    ///   - number: The number of the daemon.
    ///   - opened: Called for each new session with whether it holds the lock, and others can see that. It does not behind
    ///     a pooler, whose sessions say nothing of the daemon.
    /// - Returns: The notifications, as an endless sequence.
    public func listen(
        to channels: [String],
        as number: DaemonNumber,
        opened: @escaping @Sendable (_ isHeld: Bool) -> Void
    ) -> PostgresListener {
        pool.listen([]) { connection throws(PostgresError) in
            opened(try await hold(number, on: connection))
            guard !connection.isPooled else { return }
            for name in try await SchemaScope.names(of: channels, on: connection) { try await connection.listen(name) }
        }
    }

    /// Takes the lock of a number on a session of its own.
    ///
    /// - Returns: True if the session that the client has opened itself holds it where others look.
    func hold(_ number: DaemonNumber, on connection: PostgresConnection) async throws(PostgresError) -> Bool {
        guard !connection.isPooled else { return false }
        try await connection.execute("SELECT pg_advisory_lock_shared(\(Self.lockClass), \(number.value))")
        return try await isHeld(number, by: connection.processID)
    }

    /// Returns whether a session holds the lock of a number, as the daemons see it.
    ///
    /// - Parameters:
    ///   - number: The number.
    ///   - process: The process of the session, as its client knows it; a pooler tells one of its own.
    /// - Returns: True if it does.
    /// - Throws: `PostgresError`.
    func isHeld(_ number: DaemonNumber, by process: Int32) async throws(PostgresError) -> Bool {
        let rows = try await pool.query(
            """
            SELECT EXISTS (
                SELECT FROM (\(fragment: Self.locks)) held WHERE held.number = \(number.value) AND held.pid = \(process)
            )
            """
        )
        return try rows[0].decode(0)
    }

    /// The locks of daemons in this database, also of those that serve other schemas of it: their numbers are random.
    private static var locks: PostgresQuery {
        """
        SELECT l.objid::int8 AS number, l.pid FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted AND l.classid = \(lockClass)::int8::oid AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
    }

    /// Looks which daemons of the last minutes still hold their lock.
    ///
    /// A daemon that lost only its connection is missing until it has connected again. At a restart of
    /// Postgres all connections break at once, and the locks say nothing. So a daemon judges others only while it holds its
    /// own lock, and not soon after a start of Postgres.
    ///
    /// - Parameter own: The number of the daemon that asks.
    /// - Returns: `nil` if nothing can be told now.
    /// - Throws: `PostgresError`.
    public func census(by own: DaemonNumber) async throws(PostgresError) -> Census? {
        let rows = try await pool.query(
            """
            WITH held AS MATERIALIZED (\(fragment: Self.locks))
            SELECT d.number, EXISTS (SELECT FROM held h WHERE h.number = d.number) FROM daemon_heartbeats d
            WHERE d.number IS NOT NULL AND d."lastSeen" > now() - \(Self.retention) * interval '1 second'
                AND EXISTS (SELECT FROM held h WHERE h.number = \(own.value))
                AND pg_postmaster_start_time() < now() - \(Self.returnTime) * interval '1 second'
            """
        )
        guard !rows.isEmpty else { return nil }
        var (living, missing): (Set<DaemonNumber>, Set<DaemonNumber>) = ([], [])
        for row in rows {
            guard let number = DaemonNumber(try row.decode(0, as: Int.self)) else { continue }
            if try row.decode(1, as: Bool.self) { living.insert(number) } else { missing.insert(number) }
        }
        return Census(living: living, missing: missing)
    }
}

extension LaneReport {
    var json: JSONValue {
        [
            "sender": .string(sender.apiText),
            "causes": .array(
                causes.map { cause in
                    var fields: [String: JSONValue] = [
                        "reason": .string(cause.reason.rawValue),
                        "since": cause.since.json,
                    ]
                    fields["until"] = cause.until?.json
                    fields["detail"] = cause.detail.map(JSONValue.string)
                    return .object(fields)
                }
            ),
        ]
    }

    /// Reads the reports of a daemon; what this version does not know is left out.
    static func read(_ json: JSONValue) -> [UUID: [Waiting]] {
        var lanes: [UUID: [Waiting]] = [:]
        for lane in json.arrayValue ?? [] {
            guard let sender = lane["sender"]?.stringValue.flatMap({ UUID(apiText: $0) }) else { continue }
            lanes[sender] = (lane["causes"]?.arrayValue ?? []).compactMap { cause in
                guard let reason = cause["reason"]?.stringValue.flatMap(Waiting.Reason.init(rawValue:)),
                    let since = cause["since"]?.date
                else { return nil }
                return Waiting(
                    reason,
                    since: since,
                    until: cause["until"]?.date,
                    detail: cause["detail"]?.stringValue
                )
            }
        }
        return lanes
    }
}

extension Date {
    /// Milliseconds since 1970.
    fileprivate var json: JSONValue { .integer(Int((timeIntervalSince1970 * 1_000).rounded())) }
}

extension JSONValue {
    /// The date of a number of milliseconds since 1970.
    fileprivate var date: Date? {
        integerValue.map { Date(timeIntervalSince1970: Double($0) / 1_000) }
    }
}
