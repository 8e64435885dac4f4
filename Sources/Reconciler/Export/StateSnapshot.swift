public import Foundation
public import JSON
public import Logging
public import Postgres
import Spec
import Store

/// The rows of the database at one instant, to plan against without a database.
///
/// A plan against a snapshot has the same digest as one against the database of the snapshot, until the next plan is
/// applied there. It has no counted recipients and no marks of edits by hand, because both need the database.
public struct StateSnapshot: Sendable {
    /// The version of the snapshot's JSON; later fields are optional, so that snapshots of versions before are read.
    public static let formatVersion = 1

    /// The time of the snapshot.
    public let takenAt: Date
    let managed: [ManagedRow]
    let unmanaged: [ManagedRow]
    let base: (database: String, lastID: Int)
    /// The environment of the specs that were applied last; `nil` if they had none.
    let environment: String?
    /// The facts of WhatsApp that were known; `nil` in a snapshot of a version before, or of a role that may not read it.
    let whatsApp: AccountSnapshot?

    /// Takes a snapshot of the whole database, in one read-only transaction.
    ///
    /// - Throws: `SchemaError` if the database is not migrated, `PostgresError`.
    public static func take(pool: PostgresPool, logger: Logger, now: Date = Date()) async throws -> StateSnapshot {
        let missing = try await Migrator(pool: pool, logger: logger).pending()
        guard missing.isEmpty else { throw SchemaError.outdated(missing: missing.count) }
        return try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            var (managed, unmanaged): ([ManagedRow], [ManagedRow]) = ([], [])
            for kind in SpecKind.allCases {
                let repository = ManagedRepository(kind: kind)
                managed += try await repository.rows(tenants: nil, on: connection)
                unmanaged += try await repository.unmanagedRows(tenants: nil, on: connection)
            }
            return StateSnapshot(
                takenAt: now,
                managed: managed,
                unmanaged: unmanaged,
                base: try await HistoryRepository().base(on: connection),
                environment: try await SpecEnvironmentRepository.stored(on: connection),
                whatsApp: try await Self.whatsApp(
                    hasAccounts: managed.contains { $0.identity.kind == .account },
                    on: connection
                )
            )
        }
    }

    /// Reads what is known of WhatsApp; `nil` for a role that may not read it.
    private static func whatsApp(
        hasAccounts: Bool,
        on connection: PostgresConnection
    ) async throws -> AccountSnapshot? {
        guard hasAccounts else { return AccountSnapshot(views: [], submissions: [], uses: []) }
        let views = try await AccountViewRepository.views(tenants: nil, on: connection)
        guard !views.isEmpty else { return nil }
        return AccountSnapshot(
            views: views,
            submissions: try await SubmissionRepository.recent(tenants: nil, on: connection),
            uses: try await TemplateUse.read(names: nil, on: connection)
        )
    }

    /// Makes the plan that leads from the snapshot to the desired state.
    ///
    /// - Throws: ``ReconcileError`` for conflicts, unknown tenants, and specs of another environment.
    public func plan(_ desired: DesiredState, now: Date = Date()) throws(ReconcileError) -> Plan {
        try desired.checkEnvironment(of: environment)
        let rows = managed.filter { desired.tenants?.contains($0.identity.tenant) ?? true }
        let known = Set(rows.map(\.identity))
        let state = CurrentState(
            rows: rows,
            unmanaged: unmanaged.filter { !known.contains($0.identity) && desired.items[$0.identity] != nil },
            base: base
        )
        try desired.checkTenants(against: state)
        let seen = whatsApp.map { known in
            let isWanted = { (tenant: String) in desired.tenants?.contains(tenant) ?? true }
            return WhatsAppState(
                now: now,
                desired: desired,
                views: known.views.filter { isWanted($0.tenantID) },
                submissions: known.submissions.filter { isWanted($0.wish.tenantID) },
                uses: known.uses
            )
        }
        let (desired, remarks) = TemplateNames.inForce(desired, state, seen)
        var plan = try Differ.plan(from: state, to: desired)
        if let seen {
            plan.templates = try TemplatePlanner(desired: desired, whatsApp: seen, names: remarks).templates()
        }
        FireTimes.add(to: &plan, zones: desired.zones, now: now)
        if desired.items.values.contains(where: { ($0.spec.value as? TemplateSpec)?.account != nil }) {
            plan.accountRemarks.append(
                seen == nil
                    ? "what WhatsApp holds is not known here, so nothing is said of the templates there"
                    : "templates are compared with what WhatsApp had at \(takenAt.formatted(.iso8601)), when the snapshot was taken"
            )
        }
        let others = unmanaged.filter { desired.tenants?.contains($0.identity.tenant) ?? true }
        plan.setUnmanaged(Dictionary(grouping: others, by: \.identity.kind).mapValues(\.count))
        return plan
    }
}

extension StateSnapshot {
    /// The snapshot as JSON; it holds references to secrets, but no secrets.
    public var json: JSONValue {
        var fields: [String: JSONValue] = [
            "formatVersion": .integer(Self.formatVersion),
            "takenAt": .integer(Int(takenAt.timeIntervalSince1970)),
            "database": .string(base.database),
            "baseHistoryId": .integer(base.lastID),
            "managed": .array(managed.sorted { $0.identity < $1.identity }.map(\.snapshot)),
            "unmanaged": .array(unmanaged.sorted { $0.identity < $1.identity }.map(\.snapshot)),
        ]
        fields["environment"] = environment.map(JSONValue.string)
        fields["whatsApp"] = whatsApp?.json
        return .object(fields)
    }

    /// Reads a snapshot back.
    ///
    /// - Throws: ``SnapshotError``.
    public init(json: JSONValue) throws(SnapshotError) {
        guard let version = json["formatVersion"]?.integerValue else { throw .noSnapshot(field: "formatVersion") }
        guard version == Self.formatVersion else { throw .unknownVersion(version) }
        guard let database = json["database"]?.stringValue else { throw .noSnapshot(field: "database") }
        guard let lastID = json["baseHistoryId"]?.integerValue else { throw .noSnapshot(field: "baseHistoryId") }
        guard let takenAt = json["takenAt"]?.integerValue else { throw .noSnapshot(field: "takenAt") }
        func rows(_ field: String) throws(SnapshotError) -> [ManagedRow] {
            guard let items = json[field]?.arrayValue else { throw .noSnapshot(field: field) }
            var rows: [ManagedRow] = []
            for (index, item) in items.enumerated() {
                guard let row = ManagedRow(snapshot: item) else { throw .noSnapshot(field: "\(field)[\(index)]") }
                rows.append(row)
            }
            return rows
        }
        var whatsApp: AccountSnapshot?
        if let known = json["whatsApp"] {
            do { whatsApp = try AccountSnapshot(json: known) } catch {
                throw .noSnapshot(field: "whatsApp.\(error.field)")
            }
        }
        self.init(
            takenAt: Date(timeIntervalSince1970: Double(takenAt)),
            managed: try rows("managed"),
            unmanaged: try rows("unmanaged"),
            base: (database, lastID),
            environment: json["environment"]?.stringValue,
            whatsApp: whatsApp
        )
    }
}

/// The reason why a file cannot be used as a snapshot.
public enum SnapshotError: Error, Equatable, CustomStringConvertible {
    case noSnapshot(field: String)
    case unknownVersion(Int)

    public var description: String {
        switch self {
        case .noSnapshot(let field):
            "this is not a snapshot: `\(field)` is missing or wrong; write one with `reconcile export --state FILE`"
        case .unknownVersion(let version):
            "the snapshot has format version \(version), this program reads \(StateSnapshot.formatVersion); "
                + "write it again with this version of `reconcile export --state`"
        }
    }
}

extension ManagedRow {
    fileprivate var snapshot: JSONValue {
        var fields: [String: JSONValue] = [
            "id": .string(id.uuidString),
            "tenant": .string(identity.tenant),
            "kind": .string(identity.kind.rawValue),
            "name": .string(identity.name),
            "content": content,
            "hasRunUnderWay": .bool(hasRunUnderWay),
        ]
        if let progress {
            fields["runCount"] = .integer(progress.runCount)
            fields["nextRunAt"] = progress.nextRunAt.map { .integer(Int($0.timeIntervalSince1970)) }
        }
        return .object(fields)
    }

    fileprivate init?(snapshot: JSONValue) {
        guard let id = snapshot["id"]?.stringValue.flatMap(UUID.init(uuidString:)),
            let tenant = snapshot["tenant"]?.stringValue,
            let kind = snapshot["kind"]?.stringValue.flatMap(SpecKind.init(rawValue:)),
            let name = snapshot["name"]?.stringValue,
            let content = snapshot["content"],
            let hasRunUnderWay = snapshot["hasRunUnderWay"]?.boolValue
        else { return nil }
        let progress = snapshot["runCount"]?.integerValue.map { count in
            Progress(
                runCount: count,
                nextRunAt: snapshot["nextRunAt"]?.integerValue.map { Date(timeIntervalSince1970: Double($0)) }
            )
        }
        self.init(
            id: id,
            identity: SpecIdentity(tenant: tenant, kind: kind, name: name),
            content: content,
            hasRunUnderWay: hasRunUnderWay,
            progress: progress
        )
    }
}
