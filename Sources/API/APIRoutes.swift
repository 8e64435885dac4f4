package import AccessTokens
package import Foundation
import HTTPTypes
package import Hummingbird
package import Postgres
package import Runtime
import Spec
package import Store

/// The HTTP interface of the daemon: all endpoints, and the router that serves them.
package struct APIRoutes: Sendable {
    let endpoints: EndpointTable
    /// The dashboard; empty if it is switched off.
    private let pages: [Endpoint]
    private let authenticator: Authenticator
    private let limiter: RequestLimiter?
    private let metrics: HTTPMetrics
    private let readLimit: Duration

    /// Collects the endpoints.
    ///
    /// - Parameters:
    ///   - pool: Connections to Postgres.
    ///   - reports: Connections for reads that may be a little old, perhaps to a replica.
    ///   - authenticator: Verifies access tokens.
    ///   - limiter: Limits the requests of each tenant; `nil` means no limit.
    ///   - metrics: Counts requests.
    ///   - triggers: The hook for events.
    ///   - webhooks: WhatsApp's webhook.
    ///   - service: Health and metrics.
    ///   - live: The present state, for those who watch it.
    ///   - erasureKey: The key of the hashes of erased people's opt-outs; without it no person can be erased.
    ///   - servesDashboard: True to serve the pages of the dashboard at `/ui`.
    ///   - signIn: The identity provider at which people sign in on these pages; `nil` without one.
    ///   - version: The version of the daemon.
    ///   - readLimit: The longest time of a statement of a read.
    ///   - previewLimit: That of a preview.
    ///   - now: The calendar.
    package init(
        pool: PostgresPool,
        reports: PostgresPool,
        authenticator: Authenticator,
        limiter: RequestLimiter?,
        metrics: HTTPMetrics,
        triggers: TriggerEndpoint,
        webhooks: WebhookEndpoints,
        service: ServiceEndpoints,
        live: LiveFeed,
        erasureKey: ErasureKey? = nil,
        servesDashboard: Bool = true,
        signIn: SignIn? = nil,
        version: String = "unknown",
        readLimit: Duration = .seconds(5),
        previewLimit: Duration = .seconds(2),
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        let campaigns = CampaignRepository(pool: pool)
        let log = MessageLogRepository(pool: reports)
        let outlooks = OutlookRepository(pool: pool)
        let templates = TemplateRepository(pool: pool)
        let schedules = ScheduleRepository(pool: reports)
        let gate = PreviewGate(statementLimit: previewLimit)
        let groups: [[Endpoint]] = [
            CampaignEndpoints(
                campaigns: campaigns,
                outlooks: outlooks,
                reader: CampaignDraftReader(senders: SenderRepository(pool: pool), templates: templates, now: now)
            ).all,
            RunEndpoints(
                campaigns: campaigns,
                runs: RunRepository(pool: pool),
                launches: LaunchRepository(pool: pool),
                retries: RetryRepository(pool: pool),
                outlooks: outlooks,
                actions: RunActionRepository(pool: pool)
            ).all,
            TestEndpoints(campaigns: campaigns, tests: TestSendRepository(pool: pool)).all,
            [ScheduleEndpoint(campaigns: campaigns).endpoint],
            [CostEndpoint(campaigns: campaigns, charges: ChargeRepository(pool: reports)).costs],
            AnalyticsEndpoints(campaigns: campaigns, analytics: AnalyticsRepository(pool: reports), log: log).all,
            [MessageLogEndpoint(campaigns: campaigns, log: log).endpoint],
            AudienceEndpoints(pool: reports, gate: gate, now: now).all,
            [RenderEndpoint(audiences: AudienceRepository(pool: reports), gate: gate, now: now).endpoint],
            TemplateEndpoints(templates: templates).all,
            MediaEndpoints(media: MediaRepository(pool: pool)).all,
            AccountEndpoints(accounts: AccountViewRepository(pool: pool)).all,
            ContactEndpoints(
                contacts: ContactRepository(pool: pool, erasureKey: erasureKey),
                erasure: ContactErasure(pool: pool, key: erasureKey),
                now: now
            ).all,
            SuppressionEndpoints(consents: ConsentRepository(pool: pool)).all,
            WalletEndpoints(wallets: WalletRepository(pool: pool)).all,
            RunHistoryEndpoints(
                campaigns: campaigns,
                series: RunSeriesRepository(pool: reports),
                funnels: RunFunnelRepository(pool: reports)
            ).all,
            CalendarEndpoints(
                schedules: schedules,
                counts: ExpectedRecipients(schedules: schedules, now: now),
                now: now
            ).all,
            SpecEndpoints(pool: pool, campaigns: campaigns).all,
            TriggerHistoryEndpoints(history: TriggerHistoryRepository(pool: reports)).all,
            [triggers.endpoint, triggers.campaignEndpoint],
            webhooks.all,
            [SessionEndpoint(live: LiveRepository(pool: pool), version: version, now: now).endpoint],
            LiveEndpoints(feed: live, authenticator: authenticator).all,
            service.all,
        ]
        let all = groups.flatMap { $0 }
        endpoints = EndpointTable(all + [ServiceEndpoints.description(of: all)])
        pages = servesDashboard ? DashboardPages(signIn: signIn).all : []
        self.authenticator = authenticator
        self.limiter = limiter
        self.metrics = metrics
        self.readLimit = readLimit
    }

    /// The router with all endpoints and middlewares.
    package var router: Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.add(middleware: RequestMetricsMiddleware(metrics: metrics))
        let served = EndpointTable(endpoints.endpoints + pages)
        router.add(middleware: ProblemMiddleware(endpoints: served))
        served.add(to: router, authenticator: authenticator, limiter: limiter, readLimit: readLimit)
        return router
    }
}

/// Counts requests.
///
/// Runs before ``ProblemMiddleware``, so that it sees the status that is sent.
private struct RequestMetricsMiddleware: RouterMiddleware {
    /// The router's name of a request without a route.
    private static let unknown = "NotFound"

    let metrics: HTTPMetrics

    @concurrent func handle(
        _ request: Request,
        context: APIContext,
        next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        metrics.count(
            method: request.method.rawValue,
            route: context.endpointPath.flatMap { $0 == Self.unknown ? nil : $0 },
            status: response.status.code,
            after: .now - start
        )
        return response
    }
}
