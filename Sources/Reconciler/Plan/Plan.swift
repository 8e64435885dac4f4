import Spec

/// What has to change so that the database holds what the specs say.
///
/// Changes stand in the order in which they are applied: creates and updates from senders to campaigns, then deletes
/// from campaigns to senders, each by name.
public struct Plan: Sendable {
    /// The version of the plan's JSON, and of what the digest is taken from.
    public static let formatVersion = 1

    /// How many specs of one tenant are in the database.
    public struct TenantSize: Hashable, Sendable {
        public let tenant: String
        public let rows: Int
    }

    public internal(set) var changes: [PlannedChange]
    /// The database that the plan was made for.
    public let database: String
    /// The id of the last entry in the history when the plan was made; 0 if there was none.
    public let baseHistoryID: Int
    /// The specs that the plan is about; 0 is suspicious.
    public let specCount: Int
    /// The managed rows by tenant, sorted.
    public let tenantSizes: [TenantSize]

    public var creates: Int { changes.count { $0.action == .create } }
    public var updates: Int { changes.count { $0.action == .update } }
    public var deletes: Int { changes.count { $0.action == .delete } }
    public var isEmpty: Bool { changes.isEmpty }

    init(changes: [PlannedChange], base: (database: String, lastID: Int), specCount: Int, rows: [SpecIdentity]) {
        self.changes = changes
        database = base.database
        baseHistoryID = base.lastID
        self.specCount = specCount
        tenantSizes = Dictionary(grouping: rows, by: \.tenant)
            .map { TenantSize(tenant: $0.key, rows: $0.value.count) }
            .sorted { $0.tenant < $1.tenant }
    }
}
