import Foundation
import Postgres
import Spec
import Spelling
import Store

/// The remarks of a plan on filters that select other contacts since the rules of filters changed.
///
/// They are in each plan of a tenant until its specs are applied once.
enum FilterRemarks {
    /// The maximum number of audiences that are counted by both rules.
    private static let limit = 50

    private struct Audience: Hashable {
        let tenant: String
        let filter: AudienceFilter
        let category: TemplateSpec.Category
    }

    /// Returns a sentence for each audience with another number of recipients, in the order of the campaigns.
    static func read(
        _ desired: DesiredState,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [String] {
        let tenants = try await AudienceRepository.tenantsOfFormerFilters(on: connection)
        guard !tenants.isEmpty else { return [] }
        let campaigns = desired.items.values.filter { tenants.contains($0.identity.tenant) }.compactMap(\.campaign)
            .filter { $0.audienceFilter?.hasFormerMeaning == true }
            .sorted { $0.identity < $1.identity }
        var remarks: [String] = []
        var counted: Set<Audience> = []
        for campaign in campaigns where counted.count < limit {
            guard let filter = campaign.audienceFilter else { continue }
            let tenant = campaign.identity.tenant
            let audience = Audience(tenant: tenant, filter: filter, category: campaign.category)
            guard counted.insert(audience).inserted else { continue }
            let sizes = try await AudienceRepository.sizesByBothRules(
                tenant: tenant,
                filter: filter,
                category: audience.category,
                now: now,
                on: connection
            )
            guard sizes.former != sizes.current else { continue }
            remarks.append(
                "the rules of filters changed: the audience of \(campaign.identity) has "
                    + "\(NumberText.count(sizes.current, "recipient")) now; it had \(sizes.former.grouped) before"
            )
        }
        return remarks
    }
}
