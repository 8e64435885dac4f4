import AsyncHTTPClient
import Crypto
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Settings
import Store
import TestBed
import TestSupport
import Testing

@testable import Runtime

/// Webhooks that are passed on to a receiver over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct WebhookForwarderTests {
    private struct Stage {
        let fixture: DeliveryFixture
        let receiver: HookReceiver
        let log: LogCollector
        let forwarder: WebhookForwarder
        var pool: PostgresPool { fixture.pool }
        var forwards: ForwardRepository { ForwardRepository(pool: pool) }

        func store(_ bodies: [String], tenant: String = DeliveryFixture.tenant) async throws {
            try await forwards.store(
                bodies.map { ForwardedWebhook(tenantID: tenant, signature: "sha256=\($0)", body: Data($0.utf8)) }
            )
        }

        /// Moves Postgres's clock, as far as forwarding is concerned.
        func pass(_ seconds: Double) async throws {
            try await pool.execute(
                "UPDATE webhook_receivers SET \"dueAt\" = \"dueAt\" - \(seconds) * interval '1 second'"
            )
            try await pool.execute(
                """
                UPDATE webhook_forwards SET "dueAt" = "dueAt" - \(seconds) * interval '1 second',
                    "createdAt" = "createdAt" - \(seconds) * interval '1 second'
                """
            )
        }

        func waiting() async throws -> Int {
            try await pool.query("SELECT count(*) FROM webhook_forwards")[0].decode(0)
        }

        func forward(to address: String?, tenant: String = DeliveryFixture.tenant) async throws {
            try await WebhookForwarderTests.forward(to: address, tenant: tenant, pool)
        }

        func forwarder(_ environment: [String: String]) -> WebhookForwarder {
            WebhookForwarder(
                forwards: forwards,
                tokens: TokenResolver(environment: environment),
                logger: log.logger
            )
        }
    }

    fileprivate static func forward(to address: String?, tenant: String, _ pool: PostgresPool) async throws {
        try await pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, webhook)
            VALUES (\(tenant), 'x', jsonb_strip_nulls(jsonb_build_object('forward', \(address)::text)))
            ON CONFLICT ("tenantId") WHERE "archivedAt" IS NULL DO UPDATE SET webhook = excluded.webhook
            """
        )
        try await ForwardRepository(pool: pool).addReceivers()
    }

    private static func withStage(
        address: String? = nil,
        environment: [String: String] = [:],
        answer: @escaping HookReceiver.Answer = { _ in (200, nil) },
        _ body: (Stage, String) async throws -> Void
    ) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await HookReceiver.withRunning(answer: answer) { receiver, hook in
                let log = LogCollector()
                let stage = Stage(
                    fixture: fixture,
                    receiver: receiver,
                    log: log,
                    forwarder: WebhookForwarder(
                        forwards: ForwardRepository(pool: fixture.pool),
                        tokens: TokenResolver(environment: environment),
                        logger: log.logger
                    )
                )
                try await stage.forward(to: address ?? hook + "/inbox?a=b%20c")
                try await body(stage, hook)
            }
        }
    }

    @Test func failuresOfTheReceiverAreRepeatedInOrder() async throws {
        let answer: HookReceiver.Answer = { number in
            switch number {
            case 1, 2: (500, nil)
            case 3: (302, nil)
            case 4: (429, 900)
            default: (204, nil)
            }
        }
        try await Self.withStage(answer: answer) { stage, _ in
            try await stage.store(["one", "two", "three"])
            #expect(try await stage.forwarder.postDue() == 1)
            #expect(try await stage.forwarder.postDue() == 0, "the tenant waits")
            try await stage.pass(2)
            try await stage.forwarder.postDue()
            try await stage.pass(3)
            try await stage.forwarder.postDue()
            #expect(stage.receiver.posts.map(\.body) == ["one", "two", "one", "one"])
            try await stage.pass(890)
            #expect(try await stage.forwarder.postDue() == 0, "Retry-After counts")
            try await stage.pass(20)
            try await stage.forwarder.postDue()
            #expect(stage.receiver.posts.suffix(3).map(\.body) == ["one", "two", "three"])
            #expect(stage.receiver.posts.allSatisfy { $0.path == "/inbox?a=b%20c" })
            #expect(stage.receiver.posts.last?.headers["x-hub-signature-256"] == "sha256=three")
            #expect(try await stage.waiting() == 0)
            let lines = stage.log.text.split(separator: "\n")
            #expect(lines.count == 4 && lines[1].contains("redirects are not followed"), "\(lines)")
            #expect(lines[3].contains("passed on again"))
            #expect(!stage.log.text.contains("127.0.0.1"))
        }
    }

    @Test func oneThatIsRefusedDoesNotHoldUpTheOthers() async throws {
        try await Self.withStage(answer: { number in (number == 2 ? 400 : 200, nil) }) { stage, _ in
            try await stage.store(["one", "two", "three"])
            try await stage.forwarder.postDue()
            #expect(stage.receiver.posts.map(\.body) == ["one", "two", "three"])
            #expect(try await stage.forwarder.postDue() == 0)
            try await stage.pass(61)
            try await stage.forwarder.postDue()
            #expect(stage.receiver.posts.last?.body == "two")
            #expect(try await stage.waiting() == 0)
        }
    }

    @Test func aReceiverThatIsGoneIsGivenUpAfterADay() async throws {
        try await Self.withStage(address: "http://127.0.0.1:1/") { stage, hook in
            try await stage.store(["one"])
            try await stage.forwarder.postDue()
            try await stage.pass(86_000)
            try await stage.forwarder.postDue()
            #expect(try await stage.waiting() == 1)
            #expect(!stage.log.text.contains("given up"))
            try await stage.pass(500)
            try await stage.store(["two"])
            try await stage.forwarder.postDue()
            let lines = stage.log.text.split(separator: "\n").filter { $0.contains("given up") }
            #expect(lines.count == 1 && lines[0].hasPrefix("error"), "\(stage.log.text)")
            // Another address is tried at once.
            try await stage.forward(to: hook + "/new")
            #expect(try await stage.forwarder.postDue() == 1)
            #expect(stage.receiver.posts.map(\.path) == ["/new"])
            #expect(stage.receiver.posts.map(\.body) == ["two"])
        }
    }

    @Test(arguments: ["env:INBOX", "http://inbox.example/", "env:PLAIN"])
    func anAddressThatCannotBePostedToWaits(address: String) async throws {
        let environment = ["PLAIN": "http://inbox.example/secret"]
        try await Self.withStage(address: address, environment: environment) { stage, hook in
            try await stage.store(["one"])
            for _ in 1...3 {
                #expect(try await stage.forwarder.postDue() == 1)
                try await stage.pass(100)
            }
            let lines = stage.log.text.split(separator: "\n")
            #expect(lines.count == 1 && lines[0].contains("webhook.forward"), "\(lines)")
            #expect(!stage.log.text.contains("secret"))
            #expect(stage.receiver.posts.isEmpty)
            let mended = stage.forwarder(["INBOX": hook, "PLAIN": hook])
            if address.hasPrefix("env:") {
                try await mended.postDue()
                #expect(stage.receiver.posts.map(\.body) == ["one"])
            }
        }
    }

    @Test func aTenantThatForwardsNoMoreLosesWhatWaits() async throws {
        try await Self.withStage(answer: { _ in (503, nil) }) { stage, _ in
            try await stage.store(["one", "two"])
            try await stage.forwarder.postDue()
            try await stage.forward(to: nil)
            try await stage.forwarder.postDue()
            #expect(try await stage.waiting() == 0)
            #expect(stage.receiver.posts.count == 1)
            #expect(stage.log.text.contains("forwards no more"))
        }
    }

    @Test func severalDaemonsPostEachOnceAndInOrder() async throws {
        try await Self.withStage { stage, _ in
            let bodies = (1...40).map { "body \($0)" }
            try await stage.store(bodies)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...4 { group.addTask { try await stage.forwarder([:]).postDue() } }
                let tenants = try await group.reduce(0, +)
                #expect(tenants == 1)
            }
            #expect(stage.receiver.posts.map(\.body) == bodies)
        }
    }

    @Test func aLongLineIsPostedSideBySide() async throws {
        try await Self.withStage { stage, _ in
            let bodies = (1...200).map { "body \($0)" }
            try await stage.store(bodies)
            try await stage.forwarder.postDue()
            let posted = stage.receiver.posts.map(\.body)
            #expect(posted.count == 200 && Set(posted) == Set(bodies))
            #expect(try await stage.waiting() == 0)
        }
    }

    @Test func largeBodiesAreReadOneByOne() async throws {
        try await Self.withStage { stage, _ in
            let large = Data(repeating: 0x20, count: 3 << 20)
            try await stage.forwards.store(
                (1...3).map { ForwardedWebhook(tenantID: DeliveryFixture.tenant, signature: "\($0)", body: large) }
                    + [ForwardedWebhook(tenantID: DeliveryFixture.tenant, signature: "4", body: Data([0x7B]))]
            )
            let first = try await stage.forwards.waiting(of: DeliveryFixture.tenant, limit: 64, bytes: 1 << 20)
            #expect(first.map(\.signature) == ["1"])
            #expect(first[0].body == large)
            try await stage.forwarder.postDue()
            #expect(stage.receiver.posts.map { $0.headers["x-hub-signature-256"] } == ["1", "2", "3", "4"])
        }
    }

    @Test func aSlowReceiverDoesNotHoldUpOtherTenants() async throws {
        try await Self.withStage { stage, _ in
            let silent = try SilentServer()
            defer { silent.stop() }
            try await stage.forward(to: "http://127.0.0.1:\(silent.port)/", tenant: "globex")
            try await stage.store(["slow"], tenant: "globex")
            let wakeup = WakeSignal()
            let forwarder = WebhookForwarder(
                forwards: stage.forwards,
                tokens: TokenResolver(environment: [:]),
                wakeup: wakeup,
                logger: stage.log.logger
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await forwarder.run() }
                for number in 1...3 {
                    try await stage.store(["\(number)"])
                    wakeup.notify()
                    try await eventually(within: .seconds(5), "the other tenant gets its webhook") {
                        stage.receiver.posts.count == number
                    }
                }
                group.cancelAll()
            }
            #expect(stage.receiver.posts.map(\.body) == ["1", "2", "3"])
            let slow = try await stage.pool.query("SELECT FROM webhook_forwards WHERE \"tenantId\" = 'globex'")
            #expect(slow.count == 1, "the slow one waits")
        }
    }
}

/// Webhooks that come to a whole daemon and are passed on.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct WebhookForwardingTests {
    static func signature(_ body: String) -> String {
        let key = SymmetricKey(data: Data(DeliveryFixture.appSecret.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Data(body.utf8), using: key)
        return "sha256=" + code.map { String(format: "%02x", $0) }.joined()
    }

    static func post(_ body: String, to port: Int) async throws -> Int {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/webhooks/whatsapp")
        request.method = .POST
        request.headers.add(name: "X-Hub-Signature-256", value: signature(body))
        request.body = .bytes(ByteBuffer(string: body))
        return Int(try await HTTPClient.shared.execute(request, timeout: .seconds(20)).status.code)
    }

    /// A webhook with an inbound message to each of the numbers; the text has escapes and blanks that parsing would lose.
    static func webhook(_ id: String, to numbers: String..., account: String = "WABA") -> String {
        let entries = numbers.map { number in
            #"{"id":"\#(account)","changes": [ {"field":"messages","value":{"metadata":{"phone_number_id":"\#(number)"},"#
                + #""messages":[{"from":"254700","id":"wamid.\#(id).\#(number)","type":"text","#
                + #""text":{"body":"caf\u00e9 \ud83d\ude00"}}]}} ]}"#
        }
        return #"{"object":"whatsapp_business_account","entry":["# + entries.joined(separator: " , ") + "]}"
    }

    private static func addSender(_ number: String, tenant: String, _ pool: PostgresPool) async throws {
        try await pool.execute(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
            VALUES (\(tenant), 'main', \(number), 'env:TOKEN', 80, \(number))
            """
        )
    }

    @Test func aWebhookReachesTheReceiverOfItsTenantOnly() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await HookReceiver.withRunning { receiver, hook in
                try await HookReceiver.withRunning { other, otherHook in
                    try await Self.addSender("2002", tenant: "globex", fixture.pool)
                    try await Self.addSender("3003", tenant: "inet", fixture.pool)
                    let forward = WebhookForwarderTests.forward
                    try await forward(hook, DeliveryFixture.tenant, fixture.pool)
                    try await forward(otherHook, "globex", fixture.pool)
                    let log = LogCollector()
                    try await fixture.withDaemon(logger: log.logger) { port in
                        let first = Self.webhook("1", to: "1001")
                        #expect(try await Self.post(first, to: port) == 200)
                        #expect(try await Self.post(Self.webhook("2", to: "2002", account: "G"), to: port) == 200)
                        #expect(try await Self.post(Self.webhook("3", to: "3003", account: "I"), to: port) == 200)
                        for id in ["4", "5"] {
                            #expect(try await Self.post(Self.webhook(id, to: "1001", "2002"), to: port) == 200)
                        }
                        let last = Self.webhook("6", to: "1001")
                        #expect(try await Self.post(last, to: port) == 200)
                        try await eventually("both receivers have theirs") {
                            receiver.posts.count >= 2 && !other.posts.isEmpty
                        }
                        #expect(receiver.posts.map(\.body) == [first, last])
                        #expect(
                            receiver.posts.map { $0.headers["x-hub-signature-256"] }
                                == [first, last].map(Self.signature)
                        )
                        #expect(other.posts.map(\.body) == [Self.webhook("2", to: "2002", account: "G")])
                    }
                    let lines = log.text.split(separator: "\n").filter { $0.contains("not passed on") }
                    #expect(lines.count == 1 && lines[0].contains("acme, globex"), "\(lines)")
                }
            }
        }
    }

    @Test func aWebhookThatCannotBeStoredIsRepeatedByWhatsApp() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await HookReceiver.withRunning { receiver, hook in
                try await Self.addSender("2002", tenant: "globex", fixture.pool)
                try await WebhookForwarderTests.forward(to: hook, tenant: DeliveryFixture.tenant, fixture.pool)
                try await fixture.withDaemon { port in
                    try await fixture.pool.execute("ALTER TABLE webhook_forwards RENAME TO hidden")
                    #expect(try await Self.post(Self.webhook("1", to: "1001"), to: port) == 503)
                    // Webhooks of tenants that do not forward need no table.
                    #expect(try await Self.post(Self.webhook("2", to: "2002", account: "G"), to: port) == 200)
                    try await fixture.pool.execute("ALTER TABLE hidden RENAME TO webhook_forwards")
                    #expect(try await Self.post(Self.webhook("1", to: "1001"), to: port) == 200)
                    try await eventually("the receiver has it") { receiver.posts.count == 1 }
                }
            }
        }
    }

    @Test func aTenantThatBeginsToForwardIsNoticed() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await HookReceiver.withRunning { receiver, hook in
                try await fixture.withDaemon { port in
                    #expect(try await Self.post(Self.webhook("1", to: "1001"), to: port) == 200)
                    try await WebhookForwarderTests.forward(to: hook, tenant: DeliveryFixture.tenant, fixture.pool)
                    try await eventually("webhooks are passed on") {
                        let status = try await Self.post(Self.webhook("2", to: "1001"), to: port)
                        return status == 200 && !receiver.posts.isEmpty
                    }
                    #expect(receiver.posts.allSatisfy { $0.body.contains("wamid.2") })
                }
            }
        }
    }
}
