public import ArgumentParser
public import Foundation
public import Postgres
public import Store

/// The stored campaign that a command is about: `offer --tenant acme`, `acme/offer`, or `--id` with its id.
///
/// A name means the campaign of a spec, or else the only campaign of that name.
public struct CampaignSelection: ParsableArguments {
    @Argument(help: ArgumentHelp("The campaign: its name with --tenant, or tenant/name.", valueName: "campaign"))
    var campaign: String?

    @Option(
        help: ArgumentHelp("The campaign by its id, if several have the same name.", valueName: "id"),
        transform: CampaignID.parse
    )
    var id: UUID?

    @Option(name: .customLong("tenant"), help: ArgumentHelp("Tenant of the campaign.", valueName: "name"))
    var tenant: String?

    public init() {}

    public func validate() throws {
        guard let campaign else {
            guard id != nil else {
                throw ValidationError("The campaign is missing: give its name, or its id with --id.")
            }
            return
        }
        guard id == nil else { throw ValidationError("Give the name of a campaign or its --id, not both.") }
        guard try CampaignName(campaign, tenant: tenant).tenant != nil else {
            throw ValidationError("The tenant of `\(campaign)` is missing: give --tenant, or write tenant/\(campaign).")
        }
    }

    /// The tenant, if it was given.
    public var owner: String? {
        // `validate()` has refused malformed names.
        campaign.flatMap { (try? CampaignName($0, tenant: tenant))?.tenant } ?? tenant
    }

    /// Finds the campaign.
    ///
    /// - Throws: ``CampaignLookupError`` if there is none, or several that no spec manages.
    public func find(_ pool: PostgresPool) async throws -> NamedCampaign {
        let campaigns = CampaignRepository(pool: pool)
        if let id { return try await campaigns.required(id: id, tenant: tenant) }
        let name = try CampaignName(campaign ?? "", tenant: tenant)
        return try await campaigns.required(name.name, tenant: name.tenant ?? "")
    }

    /// Finds the campaign and its latest run.
    ///
    /// - Throws: ``CampaignLookupError`` if the campaign does not exist or was never launched.
    public func latestRun(_ pool: PostgresPool) async throws -> RunRecord {
        let found = try await find(pool)
        return try await RunRepository(pool: pool).latest(of: found)
    }
}

/// The id of a campaign on the command line.
public enum CampaignID {
    /// Reads a UUID.
    public static func parse(_ text: String) throws -> UUID {
        guard let id = UUID(uuidString: text) else {
            throw ValidationError("`\(text)` is not the id of a campaign, which is a UUID.")
        }
        return id
    }
}

extension CampaignRepository {
    /// Returns the campaign that a name of a tenant means.
    ///
    /// - Throws: ``CampaignLookupError``.
    public func required(_ name: String, tenant: String) async throws -> NamedCampaign {
        switch NameMeaning(among: try await named(name, tenant: tenant)) {
        case .one(let campaign): return campaign
        case .several(let campaigns): throw CampaignLookupError.ambiguous(name, tenant: tenant, campaigns: campaigns)
        case .none:
            try await requireTenant(tenant)
            throw CampaignLookupError.unknown(name, tenant: tenant, known: try await names(tenant: tenant))
        }
    }

    /// Returns the campaign with an id.
    ///
    /// - Throws: ``CampaignLookupError``.
    public func required(id: UUID, tenant: String?) async throws -> NamedCampaign {
        guard let campaign = try await named(id: id, tenant: tenant) else {
            throw CampaignLookupError.unknownID(id, tenant: tenant)
        }
        return campaign
    }
}

extension RunRepository {
    /// Returns the latest run of a campaign.
    ///
    /// - Throws: ``CampaignLookupError`` if the campaign was never launched.
    public func latest(of campaign: NamedCampaign) async throws -> RunRecord {
        guard let run = try await latest(campaigns: [campaign.id], limit: 1).first else {
            throw CampaignLookupError.neverLaunched(campaign.name, tenant: campaign.tenantID)
        }
        return run
    }
}
