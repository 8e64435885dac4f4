public import ArgumentParser
public import Postgres
import Spelling
public import Store

/// The tenant to which a list is limited; all tenants by default.
public struct TenantFilter: ParsableArguments {
    @Option(help: "Only this tenant.")
    public var tenant: String?

    public init() {}

    /// Checks that the tenant exists, so that a misspelled one does not look like an empty one.
    ///
    /// - Throws: ``TenantLookupError`` if it does not; `PostgresError`.
    public func check(_ pool: PostgresPool) async throws {
        guard let tenant else { return }
        try await CampaignRepository(pool: pool).requireTenant(tenant)
    }
}

/// A tenant on the command line that does not exist.
public struct TenantLookupError: Error, Hashable, CustomStringConvertible {
    public let tenant: String
    /// All tenants.
    public let known: [String]

    public var description: String {
        let help = SpellingSuggestion.help(for: tenant, among: known, what: "there are")
        return "no tenant `\(tenant)`; " + (help ?? "create it with `reconcile` first")
    }
}

extension CampaignRepository {
    /// Checks that a tenant has a spec, a sender or a campaign.
    ///
    /// - Throws: ``TenantLookupError`` if it has none; `PostgresError`.
    public func requireTenant(_ tenant: String) async throws {
        let known = try await tenants()
        guard known.contains(tenant) else { throw TenantLookupError(tenant: tenant, known: known) }
    }
}
