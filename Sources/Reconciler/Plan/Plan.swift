import Crypto
import Foundation
import JSON
public import Spec

/// The changes that bring the database to the state that the specs describe.
///
/// Changes are sorted in the order in which they are applied: creates and updates from tenants to triggers, then deletes
/// from triggers to tenants, each by name.
public struct Plan: Sendable {
    /// The version of the plan's JSON, and of the input of the digest.
    public static let formatVersion = 1

    /// The number of a tenant's managed rows in the database, and of its specs in the files.
    public struct TenantSize: Hashable, Sendable {
        public let tenant: String
        public let rows: Int
        public let specs: Int
    }

    /// The old and the new name of one spec.
    public struct Rename: Hashable, Sendable {
        public let from: SpecIdentity
        public let to: SpecIdentity
    }

    public internal(set) var changes: [PlannedChange]
    /// The name of the database that the plan was made for.
    public let database: String
    /// The id of the last history entry when the plan was made; 0 if there was none.
    public let baseHistoryID: Int
    /// The environment whose values the specs have; `nil` if none was chosen.
    public let environment: String?
    /// The number of specs that the plan covers.
    public let specCount: Int
    /// The managed rows by tenant, sorted.
    public let tenantSizes: [TenantSize]
    /// True if no tenant has any spec, including tenants that the plan does not cover.
    public let isCatalogEmpty: Bool
    /// Renames in specs that are ignored because rows of both names exist.
    public internal(set) var ignoredRenames: [Rename] = []
    /// Violations of tenant policies that no reviewer has allowed, by changed and unchanged specs.
    public internal(set) var policyBreaches: [PolicyBreach]
    /// Unchanged campaigns that a lowered limit leaves with too many recipients; their launches are refused.
    public internal(set) var brokenLimits: [PolicyBreach] = []
    /// The rules of policies that judge the changes.
    var policyRules = PolicyRules()
    /// The limits that reviewers have allowed beyond the policies.
    private(set) var allowedPolicies = AllowedPolicies()
    /// The number of rows by kind that no spec manages and the plan does not adopt; they are never changed.
    public private(set) var unmanagedCounts: [SpecKind: Int] = [:]
    /// The number of campaigns whose recipients were not counted, because there were too many.
    public internal(set) var uncountedCampaigns = 0
    /// True if launches will count with other prices; an apply stores them, also of a plan without changes.
    public internal(set) var changesRates = false
    /// The templates at WhatsApp that the plan changes, or that there is something to say of; sorted by spec and language.
    public internal(set) var templates: [PlannedTemplate] = []
    /// Sentences about what WhatsApp stopped, flagged or changed of the templates, numbers and accounts that campaigns use.
    public internal(set) var accountRemarks: [String] = []

    public var creates: Int { changes.count { $0.action == .create } }
    public var updates: Int { changes.count { $0.action == .update } }
    public var deletes: Int { changes.count { $0.action == .delete } }
    /// The number of updates of specs that were not edited, but inherit the change of another spec.
    public var inherited: Int { changes.count(where: \.isInherited) }
    /// True if nothing changes, neither in the database nor at WhatsApp.
    public var isEmpty: Bool { changes.isEmpty && submissions.isEmpty }

    init(
        changes: [PlannedChange],
        base: (database: String, lastID: Int),
        desired: DesiredState,
        rows: [SpecIdentity]
    ) {
        self.changes = changes
        database = base.database
        baseHistoryID = base.lastID
        environment = desired.environment
        specCount = desired.items.count
        isCatalogEmpty = desired.allTenants.isEmpty
        policyBreaches = desired.policyBreaches
        let specs = desired.specCounts
        tenantSizes = Self.count(rows)
            .map { TenantSize(tenant: $0.key, rows: $0.value, specs: specs[$0.key] ?? 0) }
            .sorted { $0.tenant < $1.tenant }
    }

    /// Sets the counts of unmanaged rows, less those that the plan adopts.
    mutating func setUnmanaged(_ unmanaged: [SpecKind: Int]) {
        let adopted = changes.filter(\.isAdoption).reduce(into: [:]) { $0[$1.identity.kind, default: 0] += 1 }
        unmanagedCounts = unmanaged.merging(adopted, uniquingKeysWith: -).filter { $0.value > 0 }
    }

    /// Takes the limits that reviewers have allowed, and drops the violations that they cover.
    mutating func setAllowed(_ limits: [SpecIdentity: [TenantPolicy.Rule: PolicyLimit]]) {
        allowedPolicies = AllowedPolicies(limits: limits, changes: changes)
        policyBreaches.removeAll { allowedPolicies.cover($0) }
    }

    private static func count(_ identities: some Sequence<SpecIdentity>) -> [String: Int] {
        identities.reduce(into: [:]) { $0[$1.tenant, default: 0] += 1 }
    }
}

/// The limits that reviewers have allowed, by the names that the specs have after a plan.
struct AllowedPolicies: Sendable {
    private var limits: [SpecIdentity: [TenantPolicy.Rule: PolicyLimit]] = [:]

    init() {}

    init(limits: [SpecIdentity: [TenantPolicy.Rule: PolicyLimit]], changes: [PlannedChange]) {
        self.limits = limits
        for change in changes {
            guard let former = change.renamedFrom else { continue }
            self.limits[change.identity] = limits[former]
        }
    }

    /// Returns the limit that a spec was allowed; `nil` if it was allowed none.
    func limit(_ rule: TenantPolicy.Rule, of identity: SpecIdentity) -> PolicyLimit? { limits[identity]?[rule] }

    func cover(_ breach: PolicyBreach) -> Bool {
        limit(breach.rule, of: breach.identity)?.covers(breach.actual) ?? false
    }
}

extension Plan {
    /// The identity of the plan: `sha256:` and 64 digits.
    ///
    /// It covers the changes with their content, what is submitted to WhatsApp, the environment, the database and the last history entry, but not the counted
    /// recipients. Each applied plan adds a history entry, so no digest can be applied twice.
    public var digest: String {
        let operations = changes.map { change -> JSONValue in
            var operation: [String: JSONValue] = [
                "action": .string(change.action.rawValue), "id": .string(change.identity.description),
            ]
            if change.isAdoption { operation["adopts"] = true }
            operation["row"] = change.rowID.map { .string($0.uuidString) }
            operation["before"] = change.before
            operation["after"] = change.after
            return .object(operation)
        }
        var subject: [String: JSONValue] = [
            "formatVersion": .integer(Self.formatVersion), "database": .string(database),
            "baseHistoryId": .integer(baseHistoryID), "operations": .array(operations),
        ]
        subject["environment"] = environment.map(JSONValue.string)
        // Left out without any, so that the digests of other plans are those of versions without it.
        let submissions = templates.compactMap(\.operation)
        if !submissions.isEmpty { subject["templates"] = .array(submissions) }
        return "sha256:" + SHA256.hash(data: Data(JSONValue.object(subject).canonicalText.utf8)).hexText
    }
}
