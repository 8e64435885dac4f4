import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Redis
import ServiceLifecycle
import Spec
import Store
import Synchronization
import TestSupport
import Testing

@testable import API
@testable import AccessTokens
@testable import Daemon
@testable import Runtime
@testable import Settings

/// All routes of the daemon over HTTP on a free port, with a database of its own and two tenants.
///
/// Every answer is compared with the description of its endpoint.
struct APIFixture: Sendable {
    static let triggerSecret = "a secret of acme for its events and nothing else"

    struct Reply: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let text: String

        var json: JSONValue { (try? JSONValue(parsing: text)) ?? .null }
        /// The value of a header; `nil` if it is absent.
        func header(_ name: String) -> String? { headers.first(name: name) }

        var code: String? { json["code"]?.stringValue }
        var id: String { json["id"]?.stringValue ?? "" }

        /// The message of a field's error.
        func error(_ field: String) -> String? {
            json["errors"]?.arrayValue?.first { $0["field"]?.stringValue == field }?["message"]?.stringValue
        }
    }

    let pool: PostgresPool
    let base: String
    let endpoints: EndpointTable
    let routes: [(method: String, path: String)]
    let live: LiveFeed
    let tokens: TokenSettings?
    let shutDown: @Sendable () async -> Void

    /// Runs `body` with a server and the tenants `acme` and `other`: each has a sender, and `acme` has some contacts.
    static func with(
        contacts: Int = 0,
        tokens: [String: String] = ["JWT_SECRET": TestToken.secret],
        requestsPerSecond: Int = 0,
        eventsPerSecond: Int = 0,
        servesDashboard: Bool = true,
        holds: @escaping @Sendable (String) -> Bool = { _ in true },
        liveOptions: LiveFeed.Options = .patient,
        readLimit: Duration = .seconds(30),
        previewLimit: Duration = .seconds(30),
        _ body: (APIFixture) async throws -> Void
    ) async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            let pool = PostgresPool(configuration: postgres, maxConnections: 4, logger: TestDatabase.logger)
            var configuration = DaemonConfiguration(postgres: postgres, redis: try TestRedis.configuration())
            configuration.tokens = try TokenSettings.read(Variables(tokens))
            configuration.requestsPerSecond = requestsPerSecond
            configuration.eventsPerSecond = eventsPerSecond
            configuration.servesDashboard = servesDashboard
            configuration.holds = holds
            configuration.erasureKey = ErasureKey(String(repeating: "e", count: 32))
            configuration.triggerSecrets = try TriggerSecrets("acme:\(triggerSecret)")
            let redis = RedisClient(configuration: configuration.redis, logger: TestDatabase.logger)
            let result: Result<Void, any Error>
            do {
                try await seed(pool, contacts: contacts)
                try await serve(
                    configuration,
                    pool: pool,
                    redis: redis,
                    liveOptions: liveOptions,
                    (readLimit, previewLimit),
                    body
                )
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await redis.shutdown()
            await pool.shutdown()
            try result.get()
        }
    }

    private static func serve(
        _ configuration: DaemonConfiguration,
        pool: PostgresPool,
        redis: RedisClient,
        liveOptions: LiveFeed.Options,
        _ limits: (read: Duration, preview: Duration),
        _ body: (APIFixture) async throws -> Void
    ) async throws {
        let daemon = Daemon(configuration: configuration, environment: [:], logger: TestDatabase.logger)
        let intake = StatusIntake(
            messages: MessageRepository(pool: pool),
            inbound: InboundRepository(pool: pool),
            contacts: ContactIDRepository(pool: pool),
            guards: RunGuards(runs: RunRepository(pool: pool), logger: TestDatabase.logger),
            failure: WhatsAppChannel.failure(code:message:),
            logger: TestDatabase.logger
        )
        let triggers = TriggerService(triggers: TriggerRepository(pool: pool), logger: TestDatabase.logger)
        let forwarding = WebhookForwarding(
            forwards: ForwardRepository(pool: pool),
            wakeup: WakeSignal(),
            logger: TestDatabase.logger
        )
        let live = daemon.liveFeed(pool: pool, redis: redis, gate: nil, options: liveOptions)
        let api = daemon.routes(
            pool: pool,
            redis: redis,
            intake: intake,
            forwarding: forwarding,
            triggers: triggers,
            live: live,
            readLimit: limits.read,
            previewLimit: limits.preview
        )
        let router = api.router
        let port = Mutex<Int?>(nil)
        let application = Application(
            responder: HeadRequestResponder(inner: router.buildResponder()),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.withLock { $0 = channel.localAddress?.port } },
            logger: TestDatabase.logger
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: triggers), .init(service: application), .init(service: live)],
                logger: TestDatabase.logger
            )
        )
        let routes = router.routes.map { (method: $0.method.rawValue, path: $0.path.description) }
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("the server listens") { port.withLock { $0 } != nil }
            let bound = try #require(port.withLock { $0 })
            let fixture = APIFixture(
                pool: pool,
                base: "http://127.0.0.1:\(bound)",
                endpoints: api.endpoints,
                routes: routes,
                live: live,
                tokens: configuration.tokens,
                shutDown: { await group.triggerGracefulShutdown() }
            )
            let result: Result<Void, any Error>
            do { result = .success(try await body(fixture)) } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try result.get()
        }
    }

    private static func seed(_ pool: PostgresPool, contacts: Int) async throws {
        try await pool.execute(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup", "dailyLimit")
            VALUES ('acme', 'main', '1001', 'env:TOKEN', 80, 'acme-group', 1000),
                ('other', 'main', '2001', 'env:TOKEN', 80, 'other-group', 1000)
            """
        )
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", name, "lastSeen", tags)
            SELECT 'acme', '+25471' || (1000000 + n), 'Contact ' || n,
                CASE WHEN n % 2 = 0 THEN now() - interval '1 hour' END,
                CASE WHEN n % 5 = 0 THEN ARRAY['vip'] ELSE ARRAY[]::text[] END
            FROM generate_series(1, \(contacts)) AS n
            """
        )
    }
}

extension APIFixture {
    /// Sends a request and checks its answer against the description.
    func call(
        _ method: String,
        _ path: String,
        _ body: JSONValue? = nil,
        tenant: String = "acme",
        scopes: [AccessScope]? = nil,
        headers: [String: String] = [:]
    ) async throws -> Reply {
        var headers = headers
        if headers["Authorization"] == nil {
            headers["Authorization"] = "Bearer \(try TestToken.text(tenant: tenant, scopes: scopes))"
        }
        if body != nil { headers["Content-Type"] = headers["Content-Type"] ?? "application/json" }
        return try await send(method, path, body?.canonicalText, headers: headers)
    }

    /// Sends any bytes.
    func send(
        _ method: String,
        _ path: String,
        _ body: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: base + path)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        let reply = Reply(
            status: Int(response.status.code),
            headers: response.headers,
            text: String(buffer: bytes)
        )
        expectDescribed(reply, method, path)
        return reply
    }

    /// Compares an answer with the description of its endpoint.
    private func expectDescribed(_ reply: Reply, _ method: String, _ path: String) {
        #expect(reply.status != 500, "\(method) \(path): \(reply.text)")
        #expect(reply.header("X-Request-Id") != nil)
        let type = reply.header("Content-Type") ?? ""
        if type.hasPrefix(Problem.mediaType), method != "HEAD" {
            let code = reply.code.flatMap(Problem.Code.init)
            #expect(code?.status.code == reply.status, "\(method) \(path): \(reply.text)")
        }
        let matching = endpoints.matches(String(path.prefix { $0 != "?" }))
        guard let endpoint = matching.first(where: { $0.method.rawValue == method }) else { return }
        if let answer = endpoint.responses.first(where: { $0.status.code == reply.status }) {
            guard let form = answer.content.first(where: { type.hasPrefix($0.mediaType) }) else {
                #expect(answer.content.isEmpty, "\(method) \(path) answers \(type)")
                return
            }
            guard form.mediaType == "application/json" else { return }
            let problems = form.shape.problems(of: reply.json)
            #expect(problems.isEmpty, "\(method) \(path): \(problems) in \(reply.text)")
        } else {
            let codes = endpoint.allProblems.map(\.rawValue)
            #expect(codes.contains(reply.code ?? ""), "\(method) \(path) answers \(reply.status) \(reply.text)")
        }
    }

    static let everybody: JSONValue = ["logic": "AND", "conditions": []]
    static let message: JSONValue = [
        "type": "template", "template": ["name": "hello", "language": ["code": "en"]],
    ]

    static func draft(_ name: String = "spring", _ changes: [String: JSONValue] = [:]) -> JSONValue {
        let fields: [String: JSONValue] = [
            "name": .string(name), "type": "manual", "messageTemplate": message, "audienceFilter": everybody,
        ]
        return .object(fields.merging(changes) { _, new in new })
    }

    /// Creates a campaign and returns its id.
    func campaign(_ name: String = "spring", _ changes: [String: JSONValue] = [:]) async throws -> String {
        let reply = try await call("POST", "/campaigns", Self.draft(name, changes))
        #expect(reply.status == 201, "\(reply.text)")
        return reply.id
    }

    /// Creates a template and returns its id.
    func template(_ name: String = "offer", body: String = "Hi {{1}}, it is {{2}}.") async throws -> String {
        let reply = try await call(
            "POST",
            "/templates",
            [
                "name": .string(name), "whatsappName": "offer", "language": "en", "category": "marketing",
                "body": .string(body),
            ]
        )
        #expect(reply.status == 201, "\(reply.text)")
        return reply.id
    }

    /// Writes the messages of all runs that were opened.
    func finishLaunches() async throws {
        let launches = LaunchRepository(pool: pool)
        for run in try await launches.unfinished() {
            while try await launches.writeBatch(of: run).run.status == .launching {}
        }
    }

    func status(_ id: String) async throws -> String? {
        try await call("GET", "/campaigns/\(id)").json["status"]?.stringValue
    }
}

extension Endpoint {
    /// The body of the description's example; `nil` if the endpoint takes none.
    var exampleBody: JSONValue? {
        switch body {
        case .none: nil
        case .required(_, let example), .optional(_, let example): example
        }
    }
}

extension LiveFeed.Options {
    /// Options with which a busy machine makes no state stale.
    static var patient: LiveFeed.Options {
        var options = LiveFeed.Options()
        (options.statementLimit, options.readLimit, options.staleAfter) = (.seconds(20), .seconds(30), .seconds(30))
        return options
    }
}
