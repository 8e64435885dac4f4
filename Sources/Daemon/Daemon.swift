public import API
import AccessTokens
import Account
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCertificateReloading
import NIOCore
import Postgres
import Prometheus
import Redis
import Runtime
public import ServiceLifecycle
import Settings
import Store

/// The daemon: launches runs, sends messages and serves HTTP, until it is asked to stop.
///
/// Any number of daemons may share one Postgres and one Redis. A graceful shutdown accepts nothing new, finishes and
/// records requests under way, and gives back reserved messages; it takes little longer than the request timeout.
public struct Daemon: Service {
    private let configuration: DaemonConfiguration
    private let environment: [String: String]
    let logger: Logger
    private let version: String
    private let commit: String
    private let specs: SpecsService?
    private let reloads: AsyncStream<Void>
    private let onReady: @Sendable (_ port: Int) -> Void

    /// Makes a daemon.
    ///
    /// - Parameters:
    ///   - configuration: The configuration.
    ///   - environment: Environment variables with access tokens.
    ///   - logger: The log.
    ///   - version: The version, for the log, the heartbeat and the metrics.
    ///   - commit: The commit that it was built from, for the metrics.
    ///   - specs: The loop that applies specs; `nil` if another program applies them.
    ///   - reloads: Each element makes it read its certificate, keys and secrets again, as SIGHUP does.
    ///   - onReady: Called with the HTTP port when the server accepts connections.
    public init(
        configuration: DaemonConfiguration,
        environment: [String: String],
        logger: Logger,
        version: String = "unknown",
        commit: String = "unknown",
        specs: SpecsService? = nil,
        reloads: AsyncStream<Void> = AsyncStream { $0.finish() },
        onReady: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.environment = environment
        self.logger = logger
        self.version = version
        self.commit = commit
        self.specs = specs
        self.reloads = reloads
        self.onReady = onReady
    }

    /// Runs until a graceful shutdown.
    ///
    /// - Throws: `SchemaError` when the database is not migrated; `PostgresError` when it cannot be reached at the start;
    ///   ``ListeningError`` when the port cannot be listened on; ``RedisStartError`` when a setting keeps it from Redis; ``ConfigurationError`` when the API's address is invalid,
    ///   and NIOSSL's errors when no certificate authorities can be loaded.
    public func run() async throws {
        let channel = try await WhatsAppChannel(
            url: configuration.whatsAppURL,
            connections: configuration.maximumInFlight,
            timeout: configuration.requestTimeout,
            outbound: configuration.outbound
        )
        // Connects only for calls, so nothing has to be closed if the rest of the start fails.
        let graph = try GraphClient(url: configuration.whatsAppURL, outbound: configuration.outbound)
        let media = try await WhatsAppMedia(url: configuration.whatsAppURL, outbound: configuration.outbound)
        let pools = DatabasePools(configuration, logger: logger)
        let redis = RedisClient(configuration: configuration.redis, logger: logger)
        let result: Result<Void, any Error>
        do {
            try await serve(pools: pools, redis: redis, channel: channel, media: media, graph: graph)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await pools.shutdown()
        await redis.shutdown()
        await media.shutdown()
        await channel.shutdown()
        await graph.shutdown()
        try result.get()
    }

    private func serve(
        pools: DatabasePools,
        redis: RedisClient,
        channel: any MessageChannel,
        media: any MediaChannel,
        graph: GraphClient
    ) async throws {
        let pool = pools.primary
        let missing = try await Migrator(pool: pool, logger: logger).pending()
        guard missing.isEmpty else { throw SchemaError.outdated(missing: missing.count) }
        try await pools.checkListening()
        try await ListeningError.check(host: configuration.httpHost, port: configuration.httpPort)
        try await RedisStartError.check(redis)
        try await logStart(pool: pool)
        let fetchers = configuration.keyFetchers(logger: logger)
        for fetcher in fetchers { try await fetcher.start() }

        let lanes = laneServices(pool: pool, redis: redis, channel: channel)
        let feederWakeup = WakeSignal()
        let launcherWakeup = WakeSignal()
        let schedulerWakeup = WakeSignal()
        let actionsWakeup = WakeSignal()
        let notifierWakeup = WakeSignal()
        let liveWakeup = WakeSignal()
        let served = WakeSignal()
        let pulse = LoopPulse()
        let intake = StatusIntake(
            messages: lanes.messages,
            inbound: InboundRepository(pool: pool, erasureKey: configuration.erasureKey),
            contacts: ContactIDRepository(pool: pool),
            guards: lanes.guards,
            media: (lanes.media, MediaUploadRepository(pool: pool)),
            failure: WhatsAppChannel.failure(code:message:),
            logger: logger,
            metrics: lanes.metrics.webhooks
        )
        let forwarderWakeup = WakeSignal()
        let forwarding = WebhookForwarding(
            forwards: ForwardRepository(pool: pool),
            wakeup: forwarderWakeup,
            metrics: lanes.metrics.forwards,
            logger: logger
        )
        // Otherwise the first webhooks would be taken for those of tenants that do not forward.
        try await forwarding.refresh()
        let triggers = TriggerService(
            triggers: TriggerRepository(pool: pool, announces: false),
            logger: logger,
            metrics: lanes.metrics.triggers,
            committed: { feederWakeup.notify() }
        )
        let watch = RedisWatch(redis: redis, logger: logger)
        let live = liveFeed(
            pool: pools.live,
            redis: redis,
            gate: lanes.gate,
            metrics: lanes.metrics,
            watch: watch,
            wakeup: liveWakeup
        )
        let certificate = try configuration.certificate?.renewal(logger: logger)
        // Shut down in reverse order: the server first, then the services that reserve messages, last those that commit.
        let optional: [(any Service)?] = [specs?.service, certificate, pools.watch]
        let services: [any Service] =
            optional.compactMap { $0 } + fetchers + [
                Reloader(requests: reloads, parts: configuration.reloadable(certificate), logger: logger),
                intake,
                forwarding,
                triggers,
                Heartbeat(
                    version: version,
                    daemons: DaemonRepository(pool: pool),
                    services: lanes,
                    logger: logger
                ),
                // Its session shows that this daemon lives, so it ends after the lanes.
                ChangeListener(
                    pool: pool,
                    listeners: [
                        RunRepository.channel: [
                            feederWakeup, launcherWakeup, lanes.changes, actionsWakeup, liveWakeup,
                        ],
                        ScheduleRepository.channel: [schedulerWakeup],
                        NotificationRepository.channel: [notifierWakeup],
                    ],
                    presence: lanes.presence
                ),
                DeadDaemonWatch(daemons: DaemonRepository(pool: pool), services: lanes, logger: logger),
                watch,
            ] + accountServices(pool: pool, graph: graph, tokens: lanes.tokens) + [
                RunActionLog(actions: RunActionRepository(pool: pool), wakeup: actionsWakeup, logger: logger),
                Notifier(
                    notifications: NotificationRepository(pool: pool),
                    tokens: lanes.tokens,
                    outbound: configuration.outbound,
                    wakeup: notifierWakeup,
                    metrics: lanes.metrics.notifications,
                    logger: logger
                ),
                WebhookForwarder(
                    forwards: ForwardRepository(pool: pool),
                    tokens: lanes.tokens,
                    outbound: configuration.outbound,
                    wakeup: forwarderWakeup,
                    metrics: lanes.metrics.forwards,
                    logger: logger
                ),
                MediaUploader(
                    uploads: lanes.media,
                    files: MediaRepository(pool: pool),
                    rows: MediaUploadRepository(pool: pool),
                    channel: media,
                    logger: logger
                ),
                LaneKeeper(services: lanes, wakeup: lanes.changes, feeder: feederWakeup),
                RunMaintenance(
                    runs: lanes.runs,
                    messages: lanes.messages,
                    unconfirmedTimeout: configuration.unconfirmedTimeout,
                    retries: lanes.retries,
                    logger: logger
                ),
                lanes.guards,
                ChunkFeeder(chunks: ChunkRepository(pool: pool), services: lanes, wakeup: feederWakeup),
                RunLauncher(launches: LaunchRepository(pool: pool), wakeup: launcherWakeup, logger: logger),
                TableMaintenance(
                    housekeeping: HousekeepingRepository(pool: pool),
                    statistics: StatisticsRepository(pool: pool),
                    consents: ConsentRepository(pool: pool),
                    erasure: ContactErasure(pool: pool, key: configuration.erasureKey),
                    retention: RetentionRepository(pool: pool),
                    media: MediaRepository(pool: pool),
                    logger: logger
                ),
                Scheduler(
                    schedules: ScheduleRepository(pool: pool),
                    wakeup: schedulerWakeup,
                    logger: logger,
                    metrics: lanes.metrics.schedules
                ),
                try server(
                    router: routes(
                        pool: pool,
                        reports: pools.reports,
                        redis: redis,
                        intake: intake,
                        forwarding: forwarding,
                        triggers: triggers,
                        live: live,
                        lanes: lanes,
                        watch: watch
                    ).router,
                    certificate: certificate?.reloader,
                    served: served
                ),
                // Before the server: it ends the streams that the server would wait for.
                live,
                // The first to learn of a shutdown, which takes a while: the manager should know at once.
                ServiceReporter(
                    manager: ServiceManager(environment: environment),
                    served: served,
                    pulse: pulse,
                    logger: logger
                ),
            ] as [any Service]
        let group = ServiceGroup(
            configuration: .init(
                // By default the name in the log is the whole value with all that it holds.
                services: services.map { .init(service: $0, serviceName: "\(type(of: $0))") },
                logger: logger.withoutDebug
            )
        )
        // The group must not handle signals itself: it inherits the graceful shutdown of the caller's task.
        try await LoopPulse.$current.withValue(pulse) { try await group.run() }
    }

    /// Logs the version, the address of WhatsApp, and what is off.
    private func logStart(pool: PostgresPool) async throws {
        logger.notice("Starting", metadata: ["version": "\(version)", "whatsApp": "\(configuration.whatsAppURL)"])
        let tokens = TokenResolver(environment: environment)
        let senders = try await SenderRepository(pool: pool).tokenReferences().compactMap { sender in
            tokens.problem(with: sender.reference).map { "\(sender.tenant)/\(sender.sender): \($0)" }
        }
        let receivers = try await NotificationRepository(pool: pool).targets().compactMap { tenant, target in
            NotificationTarget.problem(with: target, tokens: tokens).map { "\(tenant): \($0)" }
        }
        let forwards = try await ForwardRepository(pool: pool).receivers().compactMap { tenant, address in
            HookURL.problem(with: address, field: "webhook.forward", tokens: tokens).map { "\(tenant): \($0)" }
        }
        for gap in configuration.gaps(senders: senders, receivers: receivers, forwards: forwards) {
            logger.warning("\(gap)")
        }
    }

    private func laneServices(pool: PostgresPool, redis: RedisClient, channel: any MessageChannel) -> LaneServices {
        let metrics = DaemonMetrics()
        let guards = RunGuards(runs: RunRepository(pool: pool), metrics: metrics.guards, logger: logger)
        return LaneServices(
            redis: redis,
            messages: MessageRepository(pool: pool),
            statements: LaneStatements(
                messages: MessageRepository(pool: pool),
                contacts: ContactIDRepository(pool: pool),
                guards: guards,
                logger: logger
            ),
            runs: RunRepository(pool: pool),
            guards: guards,
            lanes: LaneRepository(pool: pool),
            channel: channel,
            mediaRows: MediaUploadRepository(pool: pool),
            tokens: TokenResolver(environment: environment),
            permits: SendPermits(count: configuration.maximumInFlight),
            gate: APIGate(limit: configuration.maximumInFlight, logger: logger),
            retries: RetryPolicy(),
            leases: LaneLeases(flight: configuration.flightLease),
            metrics: metrics,
            workers: LaneDirectory(),
            presence: DaemonPresence(),
            changes: WakeSignal(),
            logger: logger
        )
    }

    /// Makes the reader of the present state, for those who watch it.
    func liveFeed(
        pool: PostgresPool,
        redis: RedisClient,
        gate: APIGate?,
        metrics: DaemonMetrics = DaemonMetrics(),
        watch: RedisWatch? = nil,
        wakeup: WakeSignal = WakeSignal(),
        options: LiveFeed.Options = .init()
    ) -> LiveFeed {
        let lanes = LiveLanes(
            read: { groups, deadline in
                try await LaneQueue.readings(of: groups, on: redis, deadline: deadline).mapValues { lane in
                    LiveLanes.Lane(
                        ready: lane.depth.ready,
                        delayed: lane.depth.delayed,
                        held: lane.depth.held,
                        front: lane.front
                    )
                }
            },
            circuit: { gate?.circuit ?? "closed" }
        )
        return LiveFeed(
            pool: pool,
            lanes: lanes,
            specs: specs?.state,
            vitals: {
                DaemonVitals(
                    waitingCallers: pool.statistics.waiting,
                    failedReports: Int(metrics.registry.samples.total(of: .reports, with: "failed")),
                    memory: Int(ProcessSamples.read().total(of: .memory)),
                    evictingServers: watch?.evicting.count ?? 0
                )
            },
            wakeup: wakeup,
            options: options,
            logger: logger
        )
    }

    /// Makes the HTTP interface of the daemon.
    func routes(
        pool: PostgresPool,
        reports: PostgresPool? = nil,
        redis: RedisClient,
        intake: StatusIntake,
        forwarding: WebhookForwarding,
        triggers: TriggerService,
        live: LiveFeed,
        lanes: LaneServices? = nil,
        watch: RedisWatch? = nil,
        readLimit: Duration = .seconds(5),
        previewLimit: Duration = .seconds(2)
    ) -> APIRoutes {
        let metrics = lanes?.metrics ?? DaemonMetrics()
        let authenticator = Authenticator(
            verifier: configuration.tokens.map { TokenVerifier(settings: $0) },
            holds: configuration.holds
        )
        let scrape = MetricsScrape(
            registry: metrics.registry,
            pool: pool,
            lanes: lanes,
            watch: watch,
            specs: specs?.state,
            version: version,
            commit: commit
        )
        return APIRoutes(
            pool: pool,
            reports: reports ?? pool,
            authenticator: authenticator,
            limiter: RequestLimiter(rate: configuration.requestsPerSecond),
            metrics: metrics.http,
            triggers: TriggerEndpoint(
                triggers: triggers,
                campaigns: CampaignRepository(pool: pool),
                authenticator: authenticator,
                secrets: configuration.triggerSecrets,
                limiter: RequestLimiter(rate: configuration.eventsPerSecond, counting: "events")
            ),
            webhooks: WebhookEndpoints(
                intake: intake,
                forwarding: forwarding,
                appSecret: configuration.appSecretSource,
                verifyToken: configuration.verifyToken,
                logger: logger
            ),
            service: ServiceEndpoints(
                checks: checks(pool: pool, redis: redis, lanes: lanes),
                specs: specs?.state,
                metrics: { await scrape.text() },
                waiting: { lanes?.workers.all.compactMap { WaitingLane($0) } ?? [] },
                evicting: { watch?.evicting ?? [] },
                accounts: {
                    try await AccountViewRepository(pool: pool).troubles(limit: ServiceEndpoints.mostAccounts)
                        .map(DegradedAccount.init)
                }
            ),
            live: live,
            erasureKey: configuration.erasureKey,
            servesDashboard: configuration.servesDashboard,
            signIn: configuration.tokens?.signIn,
            version: version,
            readLimit: readLimit,
            previewLimit: previewLimit
        )
    }

    private func checks(pool: PostgresPool, redis: RedisClient, lanes: LaneServices?) -> ServiceEndpoints.Checks {
        let migrator = Migrator(pool: pool, logger: logger)
        return ServiceEndpoints.Checks(
            postgres: { try await pool.ping(deadline: ContinuousClock.now.duration(to: $0)) },
            redis: { _ = try await redis.send(RedisCommand("PING"), deadline: $0) },
            schema: { _ in
                let missing = try await migrator.pending()
                if !missing.isEmpty { throw SchemaError.outdated(missing: missing.count) }
            },
            epoch: { deadline in
                let count = try await lanes?.workers.outdated(on: redis, deadline: deadline) ?? 0
                if count > 0 { throw LaneEpochError(count: count) }
            }
        )
    }

    private func server(
        router: Router<APIContext>,
        certificate: TimedCertificateReloader?,
        served: WakeSignal
    ) throws -> some Service {
        let onReady = onReady
        let plain = HTTPServerBuilder.daemon(idleTimeout: configuration.idleTimeout)
        return Application(
            responder: HeadRequestResponder(inner: router.buildResponder()),
            server: try certificate.map { try .tls(plain, tlsConfiguration: $0.serverConfiguration()) } ?? plain,
            configuration: .init(address: .hostname(configuration.httpHost, port: configuration.httpPort)),
            onServerRunning: { channel in
                onReady(channel.localAddress?.port ?? 0)
                served.notify()
            },
            logger: Logger(label: logger.label) { _ in ServerLogHandler(logger.handler) }.withoutDebug
        )
    }
}

/// Some lanes in Redis are older than Postgres, so the daemon cannot send from them yet.
private struct LaneEpochError: Error, CustomStringConvertible {
    let count: Int

    var description: String { "\(count) \(count == 1 ? "lane is" : "lanes are") being rebuilt from Postgres" }
}

/// The loop that applies specs in the same process, and its state.
public struct SpecsService: Sendable {
    let service: any Service
    let state: @Sendable () -> SpecsState

    /// Makes the description of a loop.
    ///
    /// - Parameters:
    ///   - service: The loop; runs as long as the daemon.
    ///   - state: Returns its current state.
    public init(service: any Service, state: @escaping @Sendable () -> SpecsState) {
        self.service = service
        self.state = state
    }
}
