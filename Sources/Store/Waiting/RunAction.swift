public import Foundation
public import Postgres

/// The actor of a change to a run: a person, or a part of the system.
public struct RunActor: Hashable, Sendable, CustomStringConvertible {
    /// `command:jane`, `api:jane@example.com`, `guard:quota`.
    public let description: String

    private init(_ description: String) {
        self.description = String(description.prefix(300))
    }

    /// Makes an actor of its stored form.
    public init(stored: String) {
        self.init(stored)
    }

    /// Names a person at the command line.
    public static func command(_ user: String) -> RunActor { RunActor("command:\(user)") }
    /// Names the caller of the API, by the subject of its token.
    public static func api(_ subject: String) -> RunActor { RunActor("api:\(subject)") }
    /// Names a guard of the daemon, which stops what would fail for everybody.
    public static func guardRail(_ name: String) -> RunActor { RunActor("guard:\(name)") }

    /// The 24 h quota is used up, or has returned.
    public static let quota = guardRail("quota")
    /// The wallet does not cover the messages.
    public static let balance = guardRail("balance")
    /// WhatsApp stopped the template.
    public static let template = guardRail("template")
    /// An answer of WhatsApp that every message would get.
    public static let answer = guardRail("answer")
    /// WhatsApp stopped the number or the account, by a webhook.
    public static let webhook = guardRail("webhook")
    /// The policy of the tenant.
    public static let policy = guardRail("policy")
    /// A daemon, of its own accord.
    public static let daemon = RunActor("daemon")
    public static let schedule = RunActor("schedule")
    public static let trigger = RunActor("trigger")
    public static let reconcile = RunActor("reconcile")

    /// Returns the guard that stops a campaign for a failure that every message would get.
    ///
    /// - Parameters:
    ///   - scope: Whom the failure concerns.
    ///   - otherwise: The guard if it does not concern the template.
    /// - Returns: The guard.
    public static func guardRail(for scope: ErrorScope?, otherwise: RunActor) -> RunActor {
        scope == .campaign ? .template : otherwise
    }

    /// True for a person at the command line or the API.
    var isPerson: Bool { description.hasPrefix("command:") || description.hasPrefix("api:") }

    /// True for commands, whose log nobody keeps: daemons log what they did.
    public var isCommand: Bool { self == .reconcile || description.hasPrefix("command:") }

    /// The actor in a sentence: `jane (command)`, `the quota guard`.
    public var words: String {
        let parts = description.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return "the \(description)" }
        switch parts[0] {
        case "guard": return "the \(parts[1]) guard"
        case "api": return "\(parts[1]) (API)"
        default: return "\(parts[1]) (\(parts[0]))"
        }
    }
}

/// Something that a person or a part of the system did to a run.
public struct RunAction: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case send, pause, resume, cancel, retry, again, settle, test

        /// The action as a participle about the campaign: `paused`.
        public var past: String {
            switch self {
            case .send: "launched"
            case .pause: "paused"
            case .resume: "resumed"
            case .cancel: "cancelled"
            case .retry: "retried"
            case .again: "sent again"
            case .settle: "settled"
            case .test: "tested"
            }
        }
    }

    public let kind: Kind
    public let actor: RunActor
    /// The reason, for people.
    public let reason: String?
    public let at: Date

    /// `paused by jane (command): wrong price`.
    public var words: String {
        "\(kind.past) by \(actor.words)" + (reason.map { ": \(actor.shortened($0))" } ?? "")
    }
}

extension RunActor {
    /// Returns a reason without the name of the guard that it begins with, for sentences that have named it.
    func shortened(_ reason: String) -> String {
        for name in ["alike guard: ", "failure share guard: "] where description.hasPrefix("guard:") {
            if reason.hasPrefix(name) { return String(reason.dropFirst(name.count)) }
        }
        return reason
    }
}

/// The actions on runs.
public struct RunActionRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the latest actions on runs, newest first, at most `limit` for each.
    public func latest(of runs: [UUID], limit: Int = 20) async throws -> [UUID: [RunAction]] {
        guard !runs.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            SELECT r.id, a.action, a.who, a.reason, a."createdAt" FROM unnest(\(runs)::uuid[]) AS r(id)
            CROSS JOIN LATERAL (
                SELECT x.id, x.action, x.who, x.reason, x."createdAt" FROM run_actions x
                WHERE x."runId" = r.id ORDER BY x.id DESC LIMIT \(limit)
            ) a ORDER BY a.id DESC
            """
        )
        var actions: [UUID: [RunAction]] = [:]
        for row in rows {
            guard let action = try RunAction(row: row) else { continue }
            actions[try row.decode("id", as: UUID.self), default: []].append(action)
        }
        return actions
    }

    /// An action with what it was done to, for the log.
    public struct Entry: Sendable, Identifiable {
        public let id: Int
        public let action: RunAction
        public let tenantID: String
        public let campaignName: String
        public let runID: UUID
    }

    /// Returns the latest actions of all runs, oldest first.
    ///
    /// They are read from the end of the primary key, whatever the size of the table. Their ids need not appear in order:
    /// a transaction that began earlier may end later.
    public func latest(limit: Int) async throws -> [Entry] {
        let rows = try await pool.query(
            """
            SELECT a.*, c.name AS campaign FROM (SELECT * FROM run_actions ORDER BY id DESC LIMIT \(limit)) a
            JOIN campaign_runs r ON r.id = a."runId" JOIN campaigns c ON c.id = r."campaignId"
            ORDER BY a.id
            """
        )
        return try rows.compactMap { row in
            guard let action = try RunAction(row: row) else { return nil }
            return Entry(
                id: try row.decode("id"),
                action: action,
                tenantID: try row.decode("tenantId"),
                campaignName: try row.decode("campaign"),
                runID: try row.decode("runId")
            )
        }
    }
}

extension RunAction {
    /// - Returns: `nil` for an action that only a later version knows.
    fileprivate init?(row: PostgresRow) throws(PostgresError) {
        guard let kind = Kind(rawValue: try row.decode("action")) else { return nil }
        self.init(
            kind: kind,
            actor: RunActor(stored: try row.decode("who")),
            reason: try row.decode("reason"),
            at: try row.decode("createdAt")
        )
    }
}

extension RunAction {
    /// Records an action, in the transaction that does it.
    static func record(
        _ kind: Kind,
        on run: UUID,
        by actor: RunActor,
        reason: String? = nil,
        _ connection: PostgresConnection
    ) async throws(PostgresError) {
        try await record(kind, on: [run], by: actor, reason: reason, connection)
    }

    /// Records an action on several runs, in the transaction that does it.
    static func record(
        _ kind: Kind,
        on runs: [UUID],
        by actor: RunActor,
        reason: String? = nil,
        _ connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            """
            INSERT INTO run_actions ("tenantId", "runId", action, who, reason)
            SELECT "tenantId", id, \(kind.rawValue)::text, \(actor.description)::text, \(reason)::text
            FROM campaign_runs WHERE id = ANY(\(runs)::uuid[]) ORDER BY id
            """
        )
    }
}
