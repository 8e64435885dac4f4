import Foundation
import JSON
import Postgres
import Store
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// The daemon reads accounts, `reconcile --refresh` reads them before it plans, and `campaignd doctor` examines the set-up.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct AccountCommandTests {
    private static let account = """
        kind: Account
        name: main
        wabaId: "102290129340398"
        accessToken: env:WHATSAPP_TOKEN_TEST
        """

    /// Runs a test with an account, to which the sender and the template of the stage belong.
    private static func withAccount(_ body: (Stage) async throws -> Void) async throws {
        try await Stage.with(contacts: 1, rate: 80) { stage in
            let folder = stage.folder.appending(path: "campaigns/test")
            try account.write(to: folder.appending(path: "account.yaml"), atomically: true, encoding: .utf8)
            let file = folder.appending(path: "campaign.yaml")
            let specs = try String(contentsOf: file, encoding: .utf8)
                .replacing(
                    "body: \"Hello {{1}}\"",
                    with: "body: \"Hello {{1}}, we are open.\"\nexamples: { \"1\": Ada }"
                )
            try specs.write(to: file, atomically: true, encoding: .utf8)
            try await stage.succeed("reconcile", stage.campaigns)
            var settings = stage.simulator.managementSettings
            settings.reviewSeconds = 0
            settings.callsPerHour = 10_000
            settings.numbers = [ManagementSettings.Number(id: stage.phoneNumberID)]
            try stage.simulator.setManagement(settings)
            try await body(stage)
        }
    }

    private static func doctor(_ stage: Stage) async throws -> (exitCode: Int32?, findings: [String]) {
        let outcome = try await Command.run(
            "campaignd",
            ["doctor", "--tenant", "test", "--format", "json"],
            environment: stage.environment
        )
        let json = try JSONValue(parsing: outcome.output)
        let findings = (json["findings"]?.arrayValue ?? []).filter { $0["verdict"] != "ok" }.map { finding in
            "\(finding["check"]?.stringValue ?? "") \(finding["verdict"]?.stringValue ?? "")"
        }
        return (outcome.exitCode, findings)
    }

    @Test func aDaemonReadsAccountsAndADoctorExaminesThem() async throws {
        try await Self.withAccount { stage in
            let stage = stage.with(["WHATSAPP_VERIFY_TOKEN": "verify"])
            let daemon = try await stage.startDaemon()
            try await eventually("the account is read") {
                try await !stage.pool.query("SELECT FROM account_sweeps WHERE \"sweptAt\" IS NOT NULL").isEmpty
            }
            let senders = try await stage.pool.query("SELECT \"businessAccountId\" FROM senders")
            #expect(try senders[0].decode(0) == "102290129340398")
            let port = try #require(daemon.errors.firstMatch(of: /url"?[=:]"?http:\/\/127\.0\.0\.1:(\d+)/)).1
            let outside = stage.with(["PUBLIC_URL": "http://127.0.0.1:\(port)/"])
            // The daemon submits the template of the campaign, and the simulator approves it at once.
            do {
                try await eventually(within: .seconds(60), "the template is there") {
                    try await Self.doctor(outside).exitCode == 0
                }
            } catch {
                Issue.record("\(try await Self.doctor(outside))")
                throw error
            }
            let good = try await Self.doctor(outside)
            #expect(good.exitCode == 0 && good.findings == [], "\(good)")
            let text = try await outside.succeed("campaignd", "doctor", "--tenant", "test")
            #expect(text.contains("VERDICT") && text.contains("0 fail") && !text.contains("Bearer"), "\(text)")
            let other = try await Self.doctor(outside.with(["WHATSAPP_APP_SECRET": "other"]))
            #expect(other.exitCode == 1 && other.findings == ["wayIn fail"], "\(other)")
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
        }
    }

    @Test func aPlanCanBeRefreshed() async throws {
        try await Self.withAccount { stage in
            try await stage.succeed("reconcile", stage.campaigns, "--dry-run", "--refresh")
            let views = try await AccountViewRepository(pool: stage.pool).views(tenant: "test")
            #expect(views.first?.sweptAt != nil && views.first?.numbers.map(\.phoneNumberID) == [stage.phoneNumberID])
            let closed = stage.with(["WHATSAPP_TOKEN_TEST": ""])
            let refused = try await Command.run(
                "reconcile",
                [stage.campaigns, "--dry-run", "--refresh"],
                environment: closed.environment
            )
            #expect(refused.exitCode == 1 && refused.errors.contains("could not read account test/main"), "\(refused)")
            let both = try await Command.run(
                "reconcile",
                [stage.campaigns, "--offline", "--refresh"],
                environment: stage.environment
            )
            #expect(both.exitCode == 64, "\(both)")
        }
    }
}
