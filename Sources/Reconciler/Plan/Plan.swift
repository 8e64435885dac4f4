public import Spec

/// What has to change so that the database holds what the specs say.
///
/// Changes stand in the order in which they are applied: creates and updates from senders to campaigns, then deletes
/// from campaigns to senders, each by name.
public struct Plan: Sendable {
    /// The version of the plan's JSON, and of what the digest is taken from.
    public static let formatVersion = 1

    /// How many specs of one tenant are in the database, and in the files.
    public struct TenantSize: Hashable, Sendable {
        public let tenant: String
        public let rows: Int
        public let specs: Int
    }

    /// Two names of what is, or may be, one spec.
    public struct Rename: Hashable, Sendable {
        public let from: SpecIdentity
        public let to: SpecIdentity
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
    /// Whether no tenant has any spec, also of those that the plan is not about.
    public let isCatalogEmpty: Bool
    /// Renames that specs ask for, but that cannot happen, as rows of both names exist.
    public internal(set) var ignoredRenames: [Rename] = []
    /// What the policies of tenants forbid, whether it changes or not.
    public internal(set) var policyBreaches: [PolicyBreach]
    /// Rows by kind that belong to no spec, and that the plan does not adopt either; they are never touched.
    public private(set) var unmanagedCounts: [SpecKind: Int] = [:]
    /// Campaigns whose recipients were not counted, because there were too many.
    public internal(set) var uncountedCampaigns = 0

    public var creates: Int { changes.count { $0.action == .create } }
    public var updates: Int { changes.count { $0.action == .update } }
    public var deletes: Int { changes.count { $0.action == .delete } }
    public var isEmpty: Bool { changes.isEmpty }

    init(
        changes: [PlannedChange],
        base: (database: String, lastID: Int),
        desired: DesiredState,
        rows: [SpecIdentity]
    ) {
        self.changes = changes
        database = base.database
        baseHistoryID = base.lastID
        specCount = desired.items.count
        isCatalogEmpty = desired.allTenants.isEmpty
        policyBreaches = desired.policyBreaches
        let specs = desired.specCounts
        tenantSizes = Self.count(rows)
            .map { TenantSize(tenant: $0.key, rows: $0.value, specs: specs[$0.key] ?? 0) }
            .sorted { $0.tenant < $1.tenant }
    }

    /// Takes note of the rows that belong to no spec now: those that the plan adopts are not left alone.
    mutating func leaveAlone(_ unmanaged: [SpecKind: Int]) {
        let adopted = changes.filter(\.isAdoption).reduce(into: [:]) { $0[$1.identity.kind, default: 0] += 1 }
        unmanagedCounts = unmanaged.merging(adopted, uniquingKeysWith: -).filter { $0.value > 0 }
    }

    private static func count(_ identities: some Sequence<SpecIdentity>) -> [String: Int] {
        identities.reduce(into: [:]) { $0[$1.tenant, default: 0] += 1 }
    }
}
