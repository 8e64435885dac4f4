import Foundation
import JSON
import Logging
import NIOHTTP1
import Postgres
import Settings
import Store
import TestSupport
import WhatsAppSimulator

@testable import Account

/// A migrated database, a simulated WhatsApp, and a client of it.
struct AccountStage: Sendable {
    static let account = "102290129340398"

    let pool: PostgresPool
    let simulator: Simulator
    let client: GraphClient
    let log: LogBook

    /// Runs `body` with the account `main` of tenant `acme`, whose token is `good`.
    ///
    /// - Parameters:
    ///   - settings: The management side of the simulator.
    ///   - numbers: The numbers of the account.
    ///   - body: The test.
    /// - Throws: What `body` throws.
    static func with(
        _ settings: ManagementSettings = quick,
        numbers: [String] = ["1001"],
        _ body: @Sendable (AccountStage) async throws -> Void
    ) async throws {
        var configuration = SimulatorConfiguration()
        configuration.management = settings
        configuration.management.numbers = numbers.map { ManagementSettings.Number(id: $0) }
        configuration.messagingLimit = "TIER_2K"
        configuration.knownNumbers = Set(numbers)
        configuration.acceptedTokens = ["good"]
        try await TestDatabase.with(template: .migrated) { pool in
            try await Simulator.withRunning(configuration: configuration, logger: TestDatabase.logger) { simulator in
                let client = try GraphClient(url: "http://127.0.0.1:\(try await simulator.waitUntilReady())/v23.0")
                let stage = AccountStage(pool: pool, simulator: simulator, client: client, log: LogBook())
                let result: Result<Void, any Error>
                do {
                    try await stage.addAccount()
                    try await body(stage)
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                await client.shutdown()
                try result.get()
            }
        }
    }

    /// Reviews end at once, and there are calls enough.
    static var quick: ManagementSettings {
        var settings = ManagementSettings()
        settings.reviewSeconds = 0
        settings.webhookLagSeconds = 0
        settings.createsPerHour = 10_000
        settings.callsPerHour = 10_000
        return settings
    }

    @discardableResult
    func addAccount(
        _ name: String = "main",
        tenant: String = "acme",
        waba: String = account,
        token: String = "env:TOKEN"
    ) async throws -> UUID {
        let rows = try await pool.query(
            """
            INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
            VALUES (\(tenant), \(name), \(waba), \(token), 'spec') RETURNING id
            """
        )
        return try rows[0].decode(0)
    }

    func addSender(_ name: String, number: String, limit: Int? = 10_000, group: String? = nil) async throws {
        try await pool.execute(
            """
            INSERT INTO senders (
                "tenantId", name, "phoneNumberId", "accessToken", "dailyLimit", "ratePerSecond", "quotaGroup", "accountId"
            )
            SELECT 'acme', \(name), \(number), 'env:TOKEN', \(limit), 80, \(group ?? number), a.id
            FROM accounts a WHERE a."tenantId" = 'acme' AND a.name = 'main'
            """
        )
    }

    /// Creates templates, which are approved at once unless their name begins with `reject_`.
    func create(_ names: [String], language: String = "en_US", category: String = "MARKETING") async throws {
        for name in names {
            let body: JSONValue = [
                "name": .string(name), "language": .string(language), "category": .string(category),
                "components": [["type": "BODY", "text": "Hi, the shop is open."]],
            ]
            _ = try await client.call(
                .POST,
                "/\(Self.account)/message_templates",
                body: body,
                token: AccessToken(value: "good")
            )
        }
    }

    func delete(_ name: String) async throws {
        _ = try await client.call(
            .DELETE,
            "/\(Self.account)/message_templates",
            query: ["name": name],
            token: AccessToken(value: "good")
        )
    }

    /// Changes something as Meta would: `template`, `number` or `account`.
    func control(_ kind: String, _ json: JSONValue) async throws {
        let root = try GraphClient(url: String(client.url.dropLast("/v23.0".count)))
        let answer: Result<GraphAnswer, GraphError>
        do throws(GraphError) {
            answer = .success(
                try await root.call(.POST, "/_simulator/\(kind)", body: json, token: AccessToken(value: "good"))
            )
        } catch {
            answer = .failure(error)
        }
        await root.shutdown()
        _ = try answer.get()
    }

    /// Changes the settings of the simulator.
    func set(_ change: (inout ManagementSettings) -> Void) throws {
        var settings = simulator.managementSettings
        change(&settings)
        try simulator.setManagement(settings)
    }

    /// Returns the sweep of one daemon.
    func sweep(
        tokens: [String: String] = ["TOKEN": "good"],
        lease: Duration = .seconds(60)
    ) -> AccountSweep {
        AccountSweep(
            pool: pool,
            client: client,
            tokens: TokenResolver(environment: tokens),
            lease: lease,
            logger: log.logger
        )
    }

    /// Reads the accounts of all tenants until nothing is due.
    func read(tokens: [String: String] = ["TOKEN": "good"]) async throws {
        while try await sweep(tokens: tokens).readDue() > 0 {}
    }

    /// Lets the next turn come at once.
    func makeDue() async throws {
        try await pool.execute("UPDATE account_sweeps SET \"dueAt\" = now(), \"notBefore\" = NULL")
    }

    func view(tenant: String = "acme") async throws -> AccountView {
        let views = try await AccountViewRepository(pool: pool).views(tenant: tenant)
        guard let view = views.first else { throw NotInTime(description: "no account of \(tenant)") }
        return view
    }

    /// Returns the targets of the calls of a kind, in their order.
    func calls(_ operation: String) -> [String] {
        simulator.managementCalls.filter { $0.operation == operation }.map(\.target)
    }
}
