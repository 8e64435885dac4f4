public import ArgumentParser
public import Postgres
import Spelling
public import Store

/// The campaign of a command: `offer --tenant acme` or `acme/offer`.
public struct CampaignOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The campaign: its name with --tenant, or tenant/name.", valueName: "campaign"))
    var campaign: String

    @Option(name: .customLong("tenant"), help: ArgumentHelp("Tenant of the campaign.", valueName: "name"))
    var tenantOption: String?

    public init() {}

    public func validate() throws {
        let name = try CampaignName(campaign, tenant: tenantOption)
        guard name.tenant != nil else {
            throw ValidationError("The tenant of `\(campaign)` is missing: give --tenant, or write tenant/\(campaign).")
        }
    }

    // `validate()` has refused malformed names.
    private var parsed: CampaignName? { try? CampaignName(campaign, tenant: tenantOption) }
    public var name: String { parsed?.name ?? campaign }
    public var tenant: String { parsed?.tenant ?? "" }
    /// The campaign as output names it: `acme/offer`.
    public var path: String { "\(tenant)/\(name)" }
}

/// A campaign's name on the command line, which may begin with its tenant and a slash.
public struct CampaignName: Hashable, Sendable {
    public let name: String
    public let tenant: String?

    /// Reads `offer` or `acme/offer`.
    ///
    /// - Parameters:
    ///   - text: The argument.
    ///   - tenant: The value of `--tenant`, if it was given.
    /// - Throws: `ValidationError` if the text is neither, or names another tenant than the option.
    public init(_ text: String, tenant: String?) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, !parts.contains("") else {
            throw ValidationError("`\(text)` is not a campaign: give its name, or its tenant and name as acme/offer.")
        }
        if parts.count == 2, let tenant, tenant != parts[0] {
            throw ValidationError("`\(text)` is a campaign of tenant `\(parts[0])`, but --tenant says `\(tenant)`.")
        }
        name = parts[parts.count - 1]
        self.tenant = parts.count == 2 ? parts[0] : tenant
    }
}

/// The reason why a command found no campaign or no run.
public enum CampaignLookupError: Error, Hashable, CustomStringConvertible {
    /// The tenant has no such campaign; `known` are those that it has.
    case unknown(String, tenant: String, known: [String])
    /// The same, for a command that reads specs: `known` are those without errors.
    case notAmongSpecs(String, tenant: String, known: [String])
    case neverLaunched(String, tenant: String)

    public var description: String {
        switch self {
        case .unknown(let name, let tenant, let known):
            "no campaign `\(name)` in tenant `\(tenant)`; "
                + Self.help(name, known, otherwise: "create it with `reconcile` first")
        case .notAmongSpecs(let name, let tenant, let known):
            "no campaign `\(name)` in tenant `\(tenant)` (campaigns with errors are not shown); "
                + Self.help(name, known, otherwise: "the tenant has no campaign without errors")
        case .neverLaunched(let name, let tenant):
            "campaign `\(name)` of tenant `\(tenant)` has no run; launch it with `campaignd send \(tenant)/\(name)`"
        }
    }

    private static func help(_ name: String, _ known: [String], otherwise: String) -> String {
        let near = SpellingSuggestion.candidates(for: name, among: known)
        if !near.isEmpty { return "did you mean \(near.map { "`\($0)`" }.joined(separator: " or "))?" }
        guard !known.isEmpty else { return otherwise }
        let more = known.count > 10 ? ", …" : ""
        return "the tenant has \(known.prefix(10).map { "`\($0)`" }.joined(separator: ", "))\(more)"
    }
}

extension CampaignOptions {
    /// Returns the latest run of the campaign.
    ///
    /// - Throws: ``CampaignLookupError`` if the campaign does not exist or was never launched.
    public func latestRun(_ pool: PostgresPool) async throws -> RunRecord {
        try await RunRepository(pool: pool).latest(of: name, tenant: tenant, pool)
    }

    /// Makes the error for a campaign that the tenant does not have.
    public func unknown(_ pool: PostgresPool) async throws -> CampaignLookupError {
        .unknown(name, tenant: tenant, known: try await CampaignRepository(pool: pool).names(tenant: tenant))
    }
}

extension RunRepository {
    /// Returns the latest run of a campaign.
    ///
    /// - Throws: ``CampaignLookupError`` if the campaign does not exist or was never launched.
    public func latest(of name: String, tenant: String, _ pool: PostgresPool) async throws -> RunRecord {
        if let run = try await latest(tenant: tenant, campaign: name, limit: 1).first { return run }
        let known = try await CampaignRepository(pool: pool).names(tenant: tenant)
        guard known.contains(name) else { throw CampaignLookupError.unknown(name, tenant: tenant, known: known) }
        throw CampaignLookupError.neverLaunched(name, tenant: tenant)
    }
}
