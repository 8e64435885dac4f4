public import ArgumentParser
public import Foundation
import Spelling
public import Store

/// The campaign among the specs that a command is about: `offer --tenant acme` or `acme/offer`.
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
    case unknown(String, tenant: String?, known: [String])
    /// The same, for a command that reads specs: `known` are those without errors.
    case notAmongSpecs(String, tenant: String, known: [String])
    case unknownID(UUID, tenant: String?)
    /// Several campaigns have the name, and no spec manages one of them.
    case ambiguous(String, tenant: String, campaigns: [NamedCampaign])
    case neverLaunched(String, tenant: String)

    public var description: String {
        switch self {
        case .unknown(let name, let tenant, let known):
            "no campaign `\(name)`" + (tenant.map { " in tenant `\($0)`" } ?? "") + "; "
                + Self.help(
                    name,
                    known,
                    tenant == nil ? "there are" : "the tenant has",
                    otherwise: "create it with `reconcile` first"
                )
        case .notAmongSpecs(let name, let tenant, let known):
            "no campaign `\(name)` in tenant `\(tenant)` (campaigns with errors are not shown); "
                + Self.help(name, known, "the tenant has", otherwise: "the tenant has no campaign without errors")
        case .unknownID(let id, let tenant):
            "no campaign with the id \(id.uuidString.lowercased())" + (tenant.map { " in tenant `\($0)`" } ?? "")
        case .ambiguous(let name, let tenant, let campaigns):
            "tenant `\(tenant)` has \(campaigns.count) campaigns named `\(name)`, and no spec manages one of them; "
                + "choose one with --id:\n" + campaigns.map(Self.line).joined(separator: "\n")
        case .neverLaunched(let name, let tenant):
            "campaign `\(name)` of tenant `\(tenant)` has no run; launch it with `campaignd send \(tenant)/\(name)`"
        }
    }

    private static func line(_ campaign: NamedCampaign) -> String {
        "\(campaign.id.uuidString.lowercased())  \(campaign.status.rawValue), "
            + "created \(campaign.createdAt.formatted(.iso8601))"
    }

    private static func help(_ name: String, _ known: [String], _ owner: String, otherwise: String) -> String {
        let near = SpellingSuggestion.candidates(for: name, among: known)
        if !near.isEmpty { return "did you mean \(near.map { "`\($0)`" }.joined(separator: " or "))?" }
        guard !known.isEmpty else { return otherwise }
        let more = known.count > 10 ? ", …" : ""
        return "\(owner) \(known.prefix(10).map { "`\($0)`" }.joined(separator: ", "))\(more)"
    }
}
