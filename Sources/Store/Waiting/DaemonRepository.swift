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

    /// Time after which the row of a daemon that is gone is removed by the others, in seconds.
    private static let retention = 600.0

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
    ///   - lanes: Its lanes that cannot send.
    /// - Throws: `PostgresError`; the next heartbeat says the same.
    public func beat(_ daemon: UUID, version: String, lanes: [LaneReport]) async throws(PostgresError) {
        let reports = PostgresJSON(.array(lanes.map(\.json)))
        try await pool.execute(
            """
            WITH gone AS (
                DELETE FROM daemon_heartbeats
                WHERE id <> \(daemon) AND "lastSeen" < now() - \(Self.retention) * interval '1 second'
            )
            INSERT INTO daemon_heartbeats (id, version, lanes) VALUES (\(daemon), \(version), \(reports)::jsonb)
            ON CONFLICT (id) DO UPDATE SET "lastSeen" = now(), lanes = excluded.lanes
            """
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
