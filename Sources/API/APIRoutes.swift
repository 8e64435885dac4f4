package import Foundation
import HTTPTypes
package import Hummingbird
import JSON
import NIOCore
package import Postgres
import Spec
import Store

/// The REST API: its endpoints over the repositories.
package struct APIRoutes: Sendable {
    package let endpoints: EndpointTable
    let authenticator: Authenticator
    /// `nil` lets tenants ask as often as they like.
    let limiter: RequestLimiter?

    package init(
        pool: PostgresPool,
        authenticator: Authenticator,
        limiter: RequestLimiter? = nil,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        let campaigns = CampaignRepository(pool: pool)
        let log = MessageLogRepository(pool: pool)
        let templates = TemplateRepository(pool: pool)
        let reader = CampaignDraftReader(senders: SenderRepository(pool: pool), templates: templates, now: now)
        let groups: [[Endpoint]] = [
            CampaignEndpoints(campaigns: campaigns, reader: reader).all,
            CampaignActionEndpoints(
                campaigns: campaigns,
                runs: RunRepository(pool: pool),
                launches: LaunchRepository(pool: pool)
            ).all,
            AnalyticsEndpoints(campaigns: campaigns, analytics: AnalyticsRepository(pool: pool), log: log).all,
            MessageEndpoints(campaigns: campaigns, log: log).all,
            AudienceEndpoints(pool: pool, now: now).all,
            TemplateEndpoints(templates: templates).all,
            WalletEndpoints(wallets: WalletRepository(pool: pool)).all,
            [TriggerShapes.endpoint],
            ServiceEndpoints.all,
        ]
        endpoints = EndpointTable(endpoints: groups.flatMap { $0 })
        self.authenticator = authenticator
        self.limiter = limiter
    }

    /// Registers all endpoints.
    package func add(to router: Router<APIContext>) {
        endpoints.add(to: router, authenticator: authenticator, limiter: limiter)
        let description = OpenAPIDocument(endpoints: endpoints.endpoints).json.canonicalText
        router.get("/openapi.json") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: description))
            )
        }
    }
}
