import AsyncHTTPClient
import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import ServiceLifecycle
import Settings
import Store
import Synchronization
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account

/// Broken set-ups are found, each by its own check, with a remedy.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AccountDoctorTests {
    /// What a set-up is changed in.
    private struct Setup {
        var tokens = ["TOKEN": "good"]
        var appSecret: String? = "secret"
        var verifyToken: String? = "verify"
        var hasPublicURL = true
        var skew = 0.0
    }

    /// A set-up without faults, changed by `breakIt`, and the findings about it.
    private static func findings(
        _ breakIt: @Sendable (AccountStage, inout Setup) async throws -> Void = { _, _ in }
    ) async throws -> [Finding] {
        let found = Mutex<[Finding]>([])
        try await AccountStage.with(numbers: ["1001", "1002"]) { stage in
            try await WebhookStub.with { url in
                try await stage.addSender("main", number: "1001", limit: 2_000)
                try await stage.create(["offer"])
                try await stage.addCampaign(template: "offer")
                try await stage.subscribe(url + WebhookProbe.path)
                try await stage.read()
                try await DaemonRepository(pool: stage.pool).beat(UUID(), version: "1", lanes: [])
                var setup = Setup()
                try await breakIt(stage, &setup)
                let outside = setup.hasPublicURL ? try GraphClient(url: url) : nil
                let skew = setup.skew
                let doctor = AccountDoctor(
                    pool: stage.pool,
                    client: stage.client,
                    outside: outside,
                    tokens: TokenResolver(environment: setup.tokens),
                    setup: AccountDoctor.Setup(
                        publicURL: outside?.url,
                        appSecret: setup.appSecret,
                        verifyToken: setup.verifyToken
                    ),
                    now: { Date() + skew }
                )
                let result = try await doctor.examine("acme")
                await outside?.shutdown()
                found.withLock { $0 = result }
            }
        }
        let findings = found.withLock { $0 }
        for finding in findings {
            #expect(!finding.seen.contains("good") && finding.remedy?.contains("good") != true, "\(finding)")
            if finding.verdict == .fail || finding.verdict == .warn {
                #expect(finding.remedy?.isEmpty == false, "\(finding)")
            }
        }
        return findings
    }

    private static func bad(_ findings: [Finding]) -> [String] {
        findings.filter { $0.verdict != .ok }.map { "\($0.check.rawValue) \($0.verdict.rawValue)" }
    }

    @Test func nothingIsWrongWithAGoodSetUp() async throws {
        let findings = try await Self.findings()
        #expect(Self.bad(findings) == [], "\(findings.filter { $0.verdict != .ok })")
        #expect(Set(findings.map(\.check)) == Set(Finding.Check.allCases))
        #expect(findings.map(\.check) == findings.map(\.check).sorted { Self.place($0) < Self.place($1) })
    }

    private static func place(_ check: Finding.Check) -> Int { Finding.Check.allCases.firstIndex(of: check) ?? 0 }

    @Test func tokensAreExamined() async throws {
        let missing = try await Self.findings { _, setup in setup.tokens = [:] }
        #expect(Self.bad(missing).contains("token fail"))
        let refused = try await Self.findings { _, setup in setup.tokens = ["TOKEN": "bad"] }
        #expect(Self.bad(refused).contains("token fail"))
        let rights = try await Self.findings { stage, _ in
            try stage.set { $0.tokenScopes = ["whatsapp_business_messaging"] }
        }
        #expect(Self.bad(rights).contains("rights fail"))
        let ending = try await Self.findings { stage, _ in
            try stage.set { $0.tokenExpiresAt = Int(Date().timeIntervalSince1970) + 3 * 86_400 }
        }
        #expect(Self.bad(ending).contains("expiry warn"))
        let own = try await Self.findings { stage, _ in
            try await stage.pool.execute("UPDATE senders SET \"accessToken\" = 'env:OTHER'")
        }
        #expect(Self.bad(own) == ["token fail"])
    }

    @Test func accountsAndNumbersAreExamined() async throws {
        let wrong = try await Self.findings { stage, _ in
            try await stage.pool.execute("UPDATE accounts SET \"wabaId\" = '999'")
        }
        #expect(Self.bad(wrong).contains("rights fail"))
        let restricted = try await Self.findings { stage, _ in
            try await stage.control("account", ["restrictions": ["RESTRICTED_BIZ_INITIATED_MESSAGING"]])
        }
        #expect(Self.bad(restricted) == ["account fail"])
        let unknown = try await Self.findings { stage, _ in
            try await stage.pool.execute("UPDATE senders SET \"phoneNumberId\" = '1003'")
        }
        #expect(Self.bad(unknown) == ["number fail"])
        let unregistered = try await Self.findings { stage, _ in
            try await stage.control("number", ["id": "1001", "platform": "NOT_APPLICABLE"])
        }
        #expect(Self.bad(unregistered) == ["number fail"])
        let flagged = try await Self.findings { stage, _ in
            try await stage.control("number", ["id": "1001", "status": "FLAGGED", "quality": "RED"])
        }
        #expect(Self.bad(flagged).contains("number fail"))
        let lower = try await Self.findings { stage, _ in
            try await stage.pool.execute("UPDATE senders SET \"dailyLimit\" = 100000")
        }
        #expect(Self.bad(lower) == ["limit warn"])
        let shared = try await Self.findings { stage, _ in
            try await stage.addSender("second", number: "1002", limit: 2_000)
        }
        #expect(Self.bad(shared) == ["limit warn"])
        let portfolio = try await Self.findings { stage, _ in
            try await stage.read()
            try await stage.pool.execute("UPDATE whatsapp_accounts SET \"businessId\" = '506'")
            try await stage.pool.execute("UPDATE accounts SET \"businessId\" = '507'")
        }
        #expect(Self.bad(portfolio) == ["account warn"])
        let unreachable = try await Self.findings { stage, _ in
            try stage.set { $0.faults = [ManagementFault(mode: .drop)] }
        }
        #expect(Self.bad(unreachable).contains("account fail"))
    }

    @Test func theWayInIsExamined() async throws {
        let unsubscribed = try await Self.findings { stage, _ in
            _ = try await stage.client.call(
                .DELETE,
                "/\(AccountStage.account)/subscribed_apps",
                token: AccessToken(value: "good")
            )
        }
        #expect(Self.bad(unsubscribed) == ["subscription fail"])
        let elsewhere = try await Self.findings { stage, _ in
            try await stage.subscribe("https://old.example/webhooks/whatsapp")
        }
        #expect(Self.bad(elsewhere) == ["address fail"])
        let secret = try await Self.findings { _, setup in setup.appSecret = nil }
        #expect(Self.bad(secret) == ["secret fail", "wayIn unknown"])
        let signature = try await Self.findings { _, setup in setup.appSecret = "other" }
        #expect(Self.bad(signature) == ["wayIn fail"])
        let verification = try await Self.findings { _, setup in setup.verifyToken = "other" }
        #expect(Self.bad(verification) == ["verification fail"])
        let closed = try await Self.findings { _, setup in setup.verifyToken = nil }
        #expect(Self.bad(closed) == ["verification warn"])
        let hidden = try await Self.findings { _, setup in setup.hasPublicURL = false }
        #expect(Self.bad(hidden) == ["address unknown", "wayIn unknown"])
    }

    @Test func templatesAndClocksAreExamined() async throws {
        let paused = try await Self.findings { stage, _ in
            try await stage.control("template", ["name": "offer", "event": "PAUSED"])
        }
        #expect(Self.bad(paused) == ["templates fail"])
        let missing = try await Self.findings { stage, _ in try await stage.addCampaign(template: "missing") }
        #expect(Self.bad(missing) == ["templates fail"])
        let recategorised = try await Self.findings { stage, _ in
            try await stage.control("template", ["name": "offer", "category": "UTILITY"])
        }
        #expect(Self.bad(recategorised) == ["templates warn"])
        let skewed = try await Self.findings { _, setup in setup.skew = 600 }
        #expect(Self.bad(skewed) == ["clock fail"])
        let nobody = try await Self.findings { stage, _ in
            try await stage.pool.execute("UPDATE senders SET \"accountId\" = NULL")
        }
        #expect(Self.bad(nobody).contains("account unknown"))
    }

    /// What the daemons have stored is told as well.
    @Test func daemonsReadingsAndSubmissionsAreExamined() async throws {
        let alone = try await Self.findings { stage, _ in try await stage.pool.execute("DELETE FROM daemon_heartbeats")
        }
        #expect(Self.bad(alone) == ["daemon fail"])
        let unread = try await Self.findings { stage, _ in
            try await stage.pool.execute(
                """
                UPDATE account_sweeps SET failures = 1, error = 'WhatsApp refuses the token env:TOKEN', "errorAt" = now()
                """
            )
        }
        #expect(Self.bad(unread) == ["reading fail"])
        #expect(unread.contains { $0.seen.contains("WhatsApp refuses the token env:TOKEN; read last at ") })
        let old = try await Self.findings { stage, _ in
            try await stage.pool.execute("UPDATE account_sweeps SET \"sweptAt\" = now() - interval '25 hours'")
        }
        #expect(Self.bad(old) == ["reading warn"])
        let failed = try await Self.findings { stage, _ in
            for (name, age) in [("offer", 1), ("offer", 2), ("other", 3)] {
                // The last wish for `other` was done.
                try await stage.pool.execute(
                    """
                    INSERT INTO template_submissions (
                        "tenantId", "accountId", "wabaId", name, language, action, digest, status, error, "createdAt"
                    )
                    SELECT 'acme', id, "wabaId", \(name), 'en_US', 'edit', 'd', 'failed', '100: wrong ' || \(age)::int,
                        now() - \(age)::int * interval '1 hour' FROM accounts
                    """
                )
            }
            try await stage.pool.execute(
                """
                INSERT INTO template_submissions ("tenantId", "accountId", "wabaId", name, language, action, digest, status)
                SELECT 'acme', id, "wabaId", 'other', 'en_US', 'edit', 'd', 'done' FROM accounts
                """
            )
        }
        #expect(Self.bad(failed) == ["submissions fail"])
        #expect(failed.contains { $0.subject == "offer (en_US)" && $0.seen == "edit failed: 100: wrong 1" })
    }

    @Test func eachLanguageOfATemplateIsExamined() async throws {
        let findings = try await Self.findings { stage, _ in
            try await stage.pool.execute(
                "UPDATE templates SET parts = '{\"languages\":{\"fr\":{\"body\":\"Salut\"}},\"fallback\":\"en_US\"}'"
            )
        }
        #expect(Self.bad(findings) == ["templates fail"])
        #expect(findings.contains { $0.subject == "offer (fr)" && $0.seen.hasPrefix("not at WhatsApp") })
    }

    /// Nothing listens at the address: that is said at once, of the address, and not of WhatsApp.
    @Test func ourOwnAddressIsNamedIfItCannotBeReached() async throws {
        for url in ["http://127.0.0.1:1", "http://nowhere.invalid"] {
            let client = try GraphClient(url: url)
            let start = ContinuousClock.now
            let findings = await WebhookProbe(client: client, secret: "secret", verifyToken: "verify").findings()
            let time = ContinuousClock.now - start
            await client.shutdown()
            #expect(findings.map(\.verdict) == [.fail, .fail])
            for finding in findings {
                #expect(finding.seen.hasPrefix("\(url) cannot be reached: "), "\(finding.seen)")
            }
            #expect(url.contains("invalid") || time < .seconds(5), "\(time)")
        }
        let client = try GraphClient(url: "http://127.0.0.1:1")
        let error = await #expect(throws: GraphError.self) {
            _ = try await client.call(.GET, "/1", token: AccessToken(value: "good"))
        }
        await client.shutdown()
        guard case .notWritten = error else {
            Issue.record("nothing was written: \(String(describing: error))")
            return
        }
    }

    @Test func judgementsOfLargeAccounts() {
        let full = Judgement.limit(.some(nil), senders: [], templates: (250, 250), subject: "account main")
        #expect(full.map(\.verdict) == [.ok, .fail])
        let nearly = Judgement.limit(nil, senders: [], templates: (230, 250), subject: "account main")
        #expect(nearly.map(\.verdict) == [.unknown, .warn])
        #expect(Judgement.clock(theirs: nil, ours: Date()).verdict == .unknown)
        let ahead = Judgement.clock(theirs: Date(), ours: Date() + 119)
        #expect(ahead.verdict == .ok)
    }
}

extension AccountStage {
    /// Adds a campaign with a template of the account.
    fileprivate func addCampaign(template: String) async throws {
        try await pool.execute(
            """
            WITH t AS (
                INSERT INTO templates ("tenantId", name, "whatsappName", language, category, body, "accountId")
                SELECT 'acme', \(template), \(template), 'en_US', 'marketing', 'Hi', a.id FROM accounts a
                WHERE a."tenantId" = 'acme' RETURNING id
            )
            INSERT INTO campaigns ("tenantId", name, type, "messageTemplate", "templateId")
            SELECT 'acme', \(template) || '-campaign', 'manual', '{}', t.id FROM t
            """
        )
    }

    /// Sets the address of the app's webhooks.
    fileprivate func subscribe(_ url: String) async throws {
        _ = try await client.call(
            .POST,
            "/670843887433847/subscriptions",
            body: ["object": "whatsapp_business_account", "callback_url": .string(url), "fields": "messages"],
            token: AccessToken(value: "good")
        )
    }
}

/// Takes webhooks as the daemon does: signed with `secret`, and verified with `verify`.
private enum WebhookStub {
    static func with(_ body: @Sendable (String) async throws -> Void) async throws {
        let router = Router()
        router.get("/webhooks/whatsapp") { request, _ -> Response in
            let query = request.uri.queryParameters
            guard query["hub.verify_token"] == "verify", let challenge = query["hub.challenge"] else {
                return Response(status: .forbidden)
            }
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: String(challenge))))
        }
        router.post("/webhooks/whatsapp") { request, _ -> Response in
            let text = try await request.body.collect(upTo: 1_024)
            let key = SymmetricKey(data: Data("secret".utf8))
            let code = HMAC<SHA256>.authenticationCode(for: Data(text.readableBytesView), using: key)
            let expected = "sha256=" + code.map { String(format: "%02x", $0) }.joined()
            let header = request.headers.first { $0.name.rawName.lowercased() == "x-hub-signature-256" }
            return Response(status: header?.value == expected ? .ok : .unauthorized)
        }
        let ports = AsyncStream<Int>.makeStream()
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { ports.continuation.yield($0.localAddress?.port ?? 0) },
            logger: TestDatabase.logger
        )
        let services = ServiceGroup(configuration: .init(services: [application], logger: TestDatabase.logger))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            for await port in ports.stream {
                let result: Result<Void, any Error>
                do {
                    try await body("http://127.0.0.1:\(port)")
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                await services.triggerGracefulShutdown()
                try result.get()
                break
            }
        }
    }
}
