import Foundation
import JSON
import Logging
import NIOHTTP1
import Postgres
import Settings
import Spec
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account

/// A tenant with an account, wishes of it, and a simulated WhatsApp.
struct SubmissionStage: Sendable {
    static let tenant = "acme"
    static let waba = "102290129340398"
    static let token = AccessToken(value: "token")

    let pool: PostgresPool
    let simulator: Simulator
    let client: GraphClient

    static func with(
        _ change: (inout ManagementSettings) -> Void = { _ in },
        _ body: @Sendable (SubmissionStage) async throws -> Void
    ) async throws {
        var configuration = SimulatorConfiguration()
        configuration.management.reviewSeconds = 0
        configuration.management.callsPerHour = 10_000
        configuration.acceptedTokens = ["token"]
        change(&configuration.management)
        let settings = configuration
        try await TestDatabase.with(template: .migrated, connections: 8) { pool in
            try await Simulator.withRunning(configuration: settings, logger: TestDatabase.logger) { simulator in
                let client = try GraphClient(url: try #require(simulator.baseURL) + "/v23.0")
                let stage = SubmissionStage(pool: pool, simulator: simulator, client: client)
                let result: Result<Void, any Error>
                do {
                    try await stage.seed()
                    result = .success(try await body(stage))
                } catch {
                    result = .failure(error)
                }
                await client.shutdown()
                try result.get()
            }
        }
    }

    private func seed() async throws {
        try await pool.execute(
            """
            INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
            VALUES (\(Self.tenant), 'main', \(Self.waba), 'env:TOKEN', 'spec')
            """
        )
    }

    /// Makes a submitter, as a daemon has one.
    func submitter(token: String? = "token", samples: (any SampleHandles)? = nil) -> TemplateSubmitter {
        TemplateSubmitter(
            pool: pool,
            client: client,
            tokens: TokenResolver(environment: token.map { ["TOKEN": $0] } ?? [:]),
            samples: samples,
            logger: TestDatabase.logger
        )
    }

    /// The request of a template.
    static func request(
        _ name: String,
        body: String = "Hello there, all of you.",
        category: String = "UTILITY",
        more: [String: JSONValue] = [:]
    ) -> JSONValue {
        var fields: [String: JSONValue] = [
            "name": .string(name), "language": "en", "category": .string(category),
            "components": [["type": "BODY", "text": .string(body)]],
        ]
        fields.merge(more) { $1 }
        return .object(fields)
    }

    /// Stores wishes, as an apply does.
    func want(
        _ action: SubmissionWish.Action,
        _ name: String,
        language: String? = "en",
        _ request: JSONValue? = nil
    ) async throws {
        let wish = SubmissionWish(
            tenantID: Self.tenant,
            account: "main",
            template: nil,
            action: action,
            name: name,
            language: language,
            request: action == .delete ? nil : request ?? Self.request(name)
        )
        try await pool.transaction { try await SubmissionRepository.want([wish], digest: "sha256:0", on: $0) }
    }

    /// Makes the steps that are due.
    func submit(_ submitter: TemplateSubmitter? = nil) async throws {
        let submitter = submitter ?? self.submitter()
        while try await submitter.submitDue() > 0 {}
    }

    /// Lets time pass for all wishes that are open: leases end, waits are over, and what was sent should show.
    func pass(_ interval: String = "2 minutes") async throws {
        try await pool.execute(
            """
            UPDATE template_submissions SET "dueAt" = now(), "leasedUntil" = "leasedUntil" - \(interval)::interval,
                "sentAt" = "sentAt" - \(interval)::interval
            WHERE "settledAt" IS NULL
            """
        )
    }

    /// The last wish for a name, without those that were superseded.
    func record(_ name: String) async throws -> SubmissionRecord {
        let records = try await SubmissionRepository(pool: pool).recent(tenant: Self.tenant)
        return try #require(records.first { $0.wish.name == name && $0.status != .superseded })
    }

    /// The calls of an operation that the simulator did, whether they were answered or not.
    func calls(_ operation: String, _ text: String = "") -> [ManagementEntry] {
        simulator.managementCalls.filter {
            // No text contains the empty one, Foundation says.
            $0.operation == operation && $0.answer != .rejected
                && (text.isEmpty || "\($0.target) \($0.body)".contains(text))
        }
    }

    /// All calls of an operation, also those that were refused.
    func tries(_ operation: String) -> Int { simulator.managementCalls.count { $0.operation == operation } }

    /// Creates a template by hand, as somebody does in WhatsApp Manager.
    func create(_ request: JSONValue) async throws {
        _ = try await client.call(.POST, "/\(Self.waba)/message_templates", body: request, token: Self.token)
    }

    /// Reads a template; `nil` if there is none.
    func template(_ name: String) async throws -> SeenTemplate? {
        try await AccountReader(client: client, token: Self.token, account: Self.waba).templates(named: name).first
    }

    /// Changes settings of the simulator.
    func change(_ change: (inout ManagementSettings) -> Void) throws {
        var settings = simulator.managementSettings
        change(&settings)
        try simulator.setManagement(settings)
    }

    /// Sets the only fault of calls.
    func fault(_ fault: ManagementFault?) throws {
        try change { $0.faults = fault.map { [$0] } ?? [] }
    }
}
