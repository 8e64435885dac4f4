import Foundation
import Hummingbird
import Postgres
import Store

/// The REST API: its endpoints over the repositories.
struct APIRoutes: Sendable {
    let endpoints: EndpointTable
    let authenticator: Authenticator

    init(pool: PostgresPool, authenticator: Authenticator, now: @escaping @Sendable () -> Date = { Date() }) {
        let reader = CampaignDraftReader(
            senders: SenderRepository(pool: pool),
            templates: TemplateRepository(pool: pool),
            now: now
        )
        let campaigns = CampaignEndpoints(campaigns: CampaignRepository(pool: pool), reader: reader)
        endpoints = EndpointTable(endpoints: campaigns.all)
        self.authenticator = authenticator
    }

    /// Registers all endpoints.
    func add(to router: Router<APIContext>) {
        endpoints.add(to: router, authenticator: authenticator)
    }
}
