import ArgumentParser
import Store

extension RunRepository {
    /// The latest run of a campaign.
    ///
    /// - Throws: A usage error that says what is missing.
    func current(of campaign: String, tenant: String) async throws -> RunRecord {
        guard let run = try await latest(tenant: tenant, campaign: campaign, limit: 1).first else {
            throw ValidationError(
                "tenant `\(tenant)` has no run of a campaign `\(campaign)`; launch it with campaignd send"
            )
        }
        return run
    }
}
