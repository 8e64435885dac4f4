public import Foundation
import Postgres
import Spec

extension CampaignRepository {
    /// Checks that a program may send messages of a campaign to contacts that it names.
    ///
    /// - Parameters:
    ///   - count: The number of messages of the request.
    ///   - id: The campaign.
    ///   - tenant: The owner of the campaign.
    /// - Throws: ``CampaignError`` if the campaign is not of type `module_initiated`, is over, or the tenant's policy
    ///   allows fewer recipients.
    public func checkMessages(_ count: Int, of id: UUID, tenant: String) async throws {
        try await pool.withConnection { connection in
            guard let record = try await Self.find(id, tenant: tenant, on: connection) else {
                throw CampaignError.unknown
            }
            guard record.type == .moduleInitiated else {
                let type = record.type.rawValue
                throw CampaignError.incomplete(
                    "a campaign of type `\(type)` takes no messages; only `module_initiated` does"
                )
            }
            guard record.status == .paused || CampaignStatus.sources(of: .startByEvent).contains(record.status) else {
                throw CampaignError.state(record.status, action: "sent to contacts")
            }
            let policy = try await LaunchPolicy.read(campaign: id, tenant: tenant, on: connection)
            guard let most = policy?.maxRecipients, count > most else { return }
            throw CampaignError.policy(
                "the request has \(count) recipients; the policy of the tenant allows \(most)"
            )
        }
    }
}
