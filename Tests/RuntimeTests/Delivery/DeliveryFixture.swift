import Foundation
import Logging
import Postgres
import Redis
import ServiceLifecycle
import Settings
import Store
import Synchronization
import TestSupport
import Testing
import WhatsAppSimulator

@testable import AccessTokens
@testable import Daemon
@testable import Runtime
@testable import Settings

/// A tenant with contacts and a campaign on a database of its own, a lane of its own, and a simulated WhatsApp.
struct DeliveryFixture: Sendable {
    /// The way in which a daemon ends.
    enum Ending { case gracefully, killed }

    static let appSecret = "secret of the app"
    static let tenant = "acme"
    static let campaign = "spring"

    let postgres: PostgresConfiguration
    let pool: PostgresPool
    let redis: RedisClient
    let group: String
    let simulator: Simulator
    let api: String

    var runs: RunRepository { RunRepository(pool: pool) }
    var messages: MessageRepository { MessageRepository(pool: pool) }

    /// Runs `body` with a campaign that waits to be launched.
    static func with(
        contacts: Int,
        rate: Int = 400,
        text: String = "Hello {{name|you}}",
        pairLimit: String = "pause",
        faults: SimulatorFaults = .init(),
        dailyLimit: Int? = nil,
        onQuotaExhausted: String = "pause",
        unconfirmedPolicy: String = "hold",
        rules: SimulatorRules = SimulatorRules(),
        _ body: (DeliveryFixture) async throws -> Void
    ) async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            try await TestRedis.withGroup(ofTenant: Self.tenant) { redis, group in
                let pool = PostgresPool(configuration: postgres, maxConnections: 4, logger: TestDatabase.logger)
                let result: Result<Void, any Error>
                do {
                    var configuration = simulation(faults: faults)
                    configuration.limits.dailyLimit = dailyLimit
                    configuration.rules = rules
                    try await Simulator.withRunning(configuration: configuration, logger: TestDatabase.logger) {
                        simulator in
                        let fixture = DeliveryFixture(
                            postgres: postgres,
                            pool: pool,
                            redis: redis,
                            group: group,
                            simulator: simulator,
                            api: try #require(simulator.baseURL) + "/v23.0"
                        )
                        try await fixture.seed(contacts: contacts, rate: rate, text: text, pairLimit: pairLimit)
                        try await pool.execute(
                            """
                            UPDATE senders SET "dailyLimit" = \(dailyLimit), "onQuotaExhausted" = \(onQuotaExhausted),
                                "unconfirmedPolicy" = \(unconfirmedPolicy)
                            """
                        )
                        try await body(fixture)
                    }
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                await pool.shutdown()
                try result.get()
            }
        }
    }

    private static func simulation(faults: SimulatorFaults) -> SimulatorConfiguration {
        var configuration = SimulatorConfiguration()
        configuration.faults = faults
        configuration.webhooks.appSecret = appSecret
        configuration.webhooks.deliveredShare = 1
        configuration.webhooks.readShare = 0.5
        configuration.webhooks.failedShare = 0
        configuration.webhooks.deliveredDelay = .milliseconds(20)...(.milliseconds(100))
        configuration.webhooks.readDelay = .milliseconds(20)...(.milliseconds(100))
        return configuration
    }

    /// The phone number of a contact, from 1.
    static func phone(_ number: Int) -> String { "+55119" + String(10_000_000 + number) }

    private func seed(contacts: Int, rate: Int, text: String, pairLimit: String) async throws {
        // Every second contact wrote an hour ago, so that both phases of a launch have messages.
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", name, "lastSeen", metadata)
            SELECT \(Self.tenant), '+55119' || (10000000 + n), 'Contact ' || n,
                CASE WHEN n % 2 = 0 THEN now() - interval '1 hour' END, jsonb_build_object('number', n)
            FROM generate_series(1, \(contacts)) AS n
            """,
            deadline: .seconds(120)
        )
        let component = #"{"type":"body","parameters":[{"type":"text","text":"\#(text)"}]}"#
        let message =
            #"{"type":"template","template":{"name":"hello","language":{"code":"en"},"components":[\#(component)]}}"#
        try await pool.execute(
            """
            WITH sender AS (
                INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup", "pairLimit")
                VALUES (\(Self.tenant), 'main', '1001', 'env:TOKEN', \(rate), \(group), \(pairLimit)) RETURNING id
            )
            INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
            SELECT \(Self.tenant), \(Self.campaign), 'manual', id, \(PostgresJSON(text: message))::jsonb,
                '{"logic": "AND", "conditions": []}'::jsonb
            FROM sender
            """
        )
    }

    /// Launches the campaign; its messages are written when this returns.
    func launch() async throws -> UUID {
        let launcher = RunLauncher(launches: LaunchRepository(pool: pool), logger: TestDatabase.logger)
        switch try await launcher.launch(campaign: Self.campaign, tenant: Self.tenant) {
        case .opened(let run), .underWay(let run), .over(let run): return run.id
        }
    }

    /// Replaces the message of the campaign.
    func setMessage(_ text: String) async throws {
        try await pool.execute(#"UPDATE campaigns SET "messageTemplate" = \#(PostgresJSON(text: text))::jsonb"#)
    }

    func run(_ id: UUID) async throws -> RunRecord { try #require(try await runs.find(id)) }
}

extension DeliveryFixture {
    /// Messages of the run by status, counted from the rows.
    func statuses() async throws -> [MessageStatus: Int] {
        var counts: [MessageStatus: Int] = [:]
        for row in try await pool.query("SELECT status, count(*) FROM campaign_messages GROUP BY 1") {
            counts[try row.decode(0)] = try row.decode(1, as: Int.self)
        }
        return counts
    }

    func completes(_ run: UUID, within limit: Duration = .seconds(90)) async throws {
        do {
            try await eventually(within: limit, "the run completes") { try await self.run(run).status == .completed }
        } catch {
            let state = try await self.run(run)
            Issue.record("\(state.status) \(state.counters) \(simulator.summary())")
            throw error
        }
    }

    /// Checks the end of a run: one message per recipient, counters that equal the rows, and nothing left in Redis.
    func expectDelivered(_ run: UUID, contacts: Int, failed: Int = 0) async throws {
        let summary = simulator.summary()
        #expect(summary.recipientsAcceptedMoreThanOnce == 0)
        #expect(summary.accepted == contacts - failed)
        #expect(summary.recipients == contacts - failed)
        let rows = try await statuses()
        // One sum of three optional numbers took the compiler fifteen seconds.
        let accepted: [Int] = [MessageStatus.sent, .delivered, .read].map { rows[$0, default: 0] }
        #expect(accepted.reduce(0, +) == contacts - failed)
        #expect(rows[.failed, default: 0] == failed)
        try await expectCountersEqualRows(run)
        try await expectNoResidue()
    }

    func expectCountersEqualRows(_ run: UUID) async throws {
        // Webhooks go on changing both, so they are read in one snapshot.
        let columns = MessageStatus.allCases.map { "r.\($0.rawValue)" }.joined(separator: ", ")
        let filters = MessageStatus.allCases.map { "count(*) FILTER (WHERE m.status = '\($0.rawValue)')" }
        let rows = try await pool.query(
            PostgresQuery(
                sql: """
                    SELECT ARRAY[\(columns)]::bigint[] = ARRAY[\(filters.joined(separator: ", "))]
                    FROM campaign_runs r JOIN campaign_messages m ON m."runId" = r.id GROUP BY r.id
                    """
            )
        )
        #expect(try rows[0].decode(0, as: Bool.self), "counters equal rows")
    }

    func expectNoResidue() async throws {
        // The last lease ends just after the outcome is in Postgres.
        try await eventually("no ids stay in Redis") {
            let keys = try await TestRedis.keys(of: group, on: redis).filter { !$0.hasPrefix(LaneKeys.quotaQueue) }
            let kinds = keys.map {
                $0.split(separator: ":").last.map(String.init)
            }
            return Set(kinds.compactMap { $0 }).subtracting(["epoch", "pace", "ring", "counts"]).isEmpty
        }
    }
}

extension DeliveryFixture {
    /// Everything of a daemon but its HTTP server, with times of the test's own.
    ///
    /// Webhooks are not included. With a `presence` it sees other daemons die, and is seen.
    func withDelivery<Value: Sendable>(
        retries: RetryPolicy = RetryPolicy(),
        leases: LaneLeases = LaneLeases(),
        unconfirmedTimeout: Duration = .seconds(60),
        maximumInFlight: Int = 512,
        requestTimeout: Duration = OutboundRequest.defaultTimeout,
        address: Address? = nil,
        channel: (any MessageChannel)? = nil,
        media: (any MediaChannel)? = nil,
        listens: Bool = true,
        presence: DaemonPresence? = nil,
        logger: Logger = TestDatabase.logger,
        redis configuration: RedisConfiguration? = nil,
        ending: Ending = .gracefully,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let pool = PostgresPool(configuration: postgres, maxConnections: 6, logger: TestDatabase.logger)
        let redis = RedisClient(
            configuration: try configuration ?? TestRedis.configuration(),
            logger: TestDatabase.logger
        )
        let client = MovingClient(address: address ?? Address(api), timeout: requestTimeout)
        let uploader = try await WhatsAppMedia(url: api)
        let runs = RunRepository(pool: pool)
        let guards = RunGuards(runs: runs, logger: TestDatabase.logger)
        let lanes = LaneServices(
            redis: redis,
            messages: MessageRepository(pool: pool),
            statements: LaneStatements(
                messages: MessageRepository(pool: pool),
                contacts: ContactIDRepository(pool: pool),
                guards: guards,
                logger: logger
            ),
            runs: runs,
            guards: guards,
            lanes: LaneRepository(pool: pool),
            channel: channel ?? client,
            mediaRows: MediaUploadRepository(pool: pool),
            tokens: TokenResolver(environment: ["TOKEN": "token"]),
            permits: SendPermits(count: maximumInFlight),
            gate: APIGate(limit: maximumInFlight),
            retries: retries,
            leases: leases,
            workers: LaneDirectory(),
            presence: presence ?? DaemonPresence(isAnnounced: true),
            changes: WakeSignal(),
            logger: logger
        )
        let wakeup = WakeSignal()
        var services: [any Service] = [
            MediaUploader(
                uploads: lanes.media,
                files: MediaRepository(pool: pool),
                rows: MediaUploadRepository(pool: pool),
                channel: media ?? uploader,
                logger: logger
            ),
            LaneKeeper(services: lanes, wakeup: lanes.changes, feeder: wakeup),
            RunMaintenance(
                runs: runs,
                messages: lanes.messages,
                unconfirmedTimeout: unconfirmedTimeout,
                retries: retries,
                logger: logger
            ),
            guards,
            ChunkFeeder(chunks: ChunkRepository(pool: pool), services: lanes, wakeup: wakeup),
        ]
        if listens {
            services.append(
                ChangeListener(
                    pool: pool,
                    listeners: [RunRepository.channel: [wakeup, lanes.changes]],
                    presence: lanes.presence
                )
            )
        }
        if presence != nil {
            let daemons = DaemonRepository(pool: pool)
            services.append(Heartbeat(version: "1", daemons: daemons, services: lanes, logger: logger))
            services.append(DeadDaemonWatch(daemons: daemons, services: lanes, logger: logger))
        }
        let result: Result<Value, any Error>
        do { result = .success(try await run(services, ending: ending, body)) } catch { result = .failure(error) }
        await client.shutdown()
        await uploader.shutdown()
        await redis.shutdown()
        await pool.shutdown()
        return try result.get()
    }

    /// Runs a whole daemon, and has the simulator report to it.
    func withDaemon<Value: Sendable>(
        unconfirmedTimeout: Duration = .seconds(60),
        redis: RedisConfiguration? = nil,
        specs: SpecsService? = nil,
        certificate: ServerCertificate? = nil,
        idleTimeout: Duration? = nil,
        reloads: AsyncStream<Void> = AsyncStream { $0.finish() },
        erasureKey: String? = nil,
        logger: Logger = TestDatabase.logger,
        ending: Ending = .gracefully,
        _ body: (_ port: Int) async throws -> Value
    ) async throws -> Value {
        var configuration = DaemonConfiguration(
            postgres: postgres,
            redis: try redis ?? TestRedis.configuration()
        )
        configuration.httpPort = 0
        configuration.certificate = certificate
        configuration.idleTimeout = idleTimeout ?? configuration.idleTimeout
        configuration.whatsAppURL = api
        configuration.appSecret = Self.appSecret
        configuration.verifyToken = "verify"
        configuration.tokens = try TokenSettings.read(Variables(["JWT_SECRET": TestToken.secret]))
        configuration.requestsPerSecond = 0
        configuration.erasureKey = erasureKey.flatMap(ErasureKey.init)
        configuration.unconfirmedTimeout = unconfirmedTimeout
        let port = Mutex<Int?>(nil)
        let daemon = Daemon(
            configuration: configuration,
            environment: ["TOKEN": "token"],
            logger: logger,
            specs: specs,
            reloads: reloads,
            onReady: { bound in port.withLock { $0 = bound } }
        )
        return try await run([daemon], ending: ending) {
            try await eventually("the daemon serves") { port.withLock { $0 } != nil }
            let bound = try #require(port.withLock { $0 })
            try simulator.setWebhookURL("http://127.0.0.1:\(bound)/webhooks/whatsapp")
            return try await body(bound)
        }
    }

    private func run<Value: Sendable>(
        _ services: [any Service],
        ending: Ending,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let daemon = ServiceGroup(
            configuration: .init(services: services.map { .init(service: $0) }, logger: TestDatabase.logger)
        )
        return try await withThrowingTaskGroup { group in
            group.addTask { try await daemon.run() }
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            switch ending {
            case .gracefully:
                await daemon.triggerGracefulShutdown()
                try await group.waitForAll()
            case .killed:
                group.cancelAll()
                // The error of a cancelled daemon does not matter, only that it ends.
                while await group.nextResult() != nil {}
            }
            return try result.get()
        }
    }
}
