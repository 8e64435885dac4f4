import Foundation
import JSON
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// Daemons that die while they submit a template: WhatsApp gets each once.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct SubmissionCrashTests {
    private static let specs = """
        kind: Account
        name: main
        wabaId: "102290129340398"
        accessToken: env:WHATSAPP_TOKEN_TEST
        ---
        kind: Template
        name: welcome
        whatsappName: welcome
        language: en
        category: utility
        body: "Hi {{1}}, welcome to our shop in town."
        examples: { "1": Ann }
        ---
        kind: Template
        name: goodbye
        whatsappName: goodbye
        language: en
        category: utility
        body: "Hi {{1}}, we hope to see you again."
        examples: { "1": Ann }
        """

    /// A database with wishes of a reconcile, and a simulated WhatsApp.
    private struct Wished {
        let pool: PostgresPool
        let simulator: Simulator
        let environment: [String: String]
        let folder: String

        func run(_ command: String, _ arguments: String...) async throws -> ChildProcess.Outcome {
            try await Command.run(command, arguments, environment: environment)
        }

        func start(_ more: [String: String] = [:]) async throws -> ChildProcess {
            try await Command.start("campaignd", ["run"], environment: environment.merging(more) { $1 })
        }

        func statuses() async throws -> [String] {
            try await pool.query("SELECT status FROM template_submissions ORDER BY name").map { try $0.decode(0) }
        }

        /// The creations that WhatsApp did, by name, whether it answered or not.
        var creations: [String] {
            simulator.managementCalls.filter { $0.operation == "templates.create" && $0.answer != .rejected }
                .compactMap { (try? JSONValue(parsing: $0.body))?["name"]?.stringValue }.sorted()
        }
    }

    private static func with(_ body: (Wished) async throws -> Void) async throws {
        try await withDatabase { folder, pool, environment in
            var configuration = SimulatorConfiguration()
            configuration.management.reviewSeconds = 0
            configuration.management.callsPerHour = 10_000
            try await Simulator.withRunning(configuration: configuration, logger: TestDatabase.logger) { simulator in
                let variables = [
                    "WHATSAPP_API_URL": try #require(simulator.baseURL) + "/v23.0", "WHATSAPP_APP_SECRET": "secret",
                    "WHATSAPP_TOKEN_TEST": "token",
                ]
                let specs = folder.appending(path: "campaigns/test")
                try FileManager.default.createDirectory(at: specs, withIntermediateDirectories: true)
                try Self.specs.write(to: specs.appending(path: "a.yaml"), atomically: true, encoding: .utf8)
                let stage = Wished(
                    pool: pool,
                    simulator: simulator,
                    environment: environment.merging(variables) { $1 },
                    folder: folder.appending(path: "campaigns").path
                )
                let outcome = try await stage.run("reconcile", stage.folder)
                try #require(outcome.exitCode == 0, "\(outcome.output)\(outcome.errors)")
                try await body(stage)
            }
        }
    }

    @Test(
        .timeLimit(.minutes(4)),
        arguments: [
            "submissionClaimed", "submissionMarked", "submissionWritten", "submissionAnswered", "submissionSettled",
        ]
    )
    func eachTemplateIsCreatedOnceWhereverADaemonDies(point: String) async throws {
        try await Self.with { stage in
            if point == "submissionWritten" {
                // The daemon dies before the answer, which comes after the creation; the other wish is not due.
                try await stage.pool.execute(
                    "UPDATE template_submissions SET \"dueAt\" = now() + interval '1 hour' WHERE name = 'goodbye'"
                )
                var fault = ManagementFault(operation: "templates.create", mode: .delay)
                fault.seconds = 1
                var settings = stage.simulator.managementSettings
                settings.faults = [fault]
                try stage.simulator.setManagement(settings)
            }
            let first = try await stage.start(["CRASH_AT": point])
            try await eventually(within: .seconds(60), "the daemon dies") { !first.isRunning }
            if point == "submissionWritten" {
                try await eventually(within: .seconds(20), "WhatsApp does what it was sent") {
                    stage.creations == ["welcome"]
                }
            }
            // The leases of the dead daemon end, and what it sent would show by now.
            try await stage.pool.execute(
                """
                UPDATE template_submissions SET "leasedUntil" = now(), "dueAt" = now(),
                    "sentAt" = "sentAt" - interval '2 minutes'
                WHERE "settledAt" IS NULL
                """
            )
            let second = try await stage.start()
            // A signal before would end it as any program.
            try await eventually(within: .seconds(60), "the daemon serves") {
                second.errors.contains(/url"?[=:]"?http/)
            }
            try await eventually(within: .seconds(60), "the wishes are settled: \(second.errors)") {
                try await stage.statuses() == ["done", "done"]
            }
            second.signal(SIGTERM)
            #expect(try await second.outcome().exitCode == 0)
            #expect(stage.creations == ["goodbye", "welcome"], "\(stage.simulator.managementCalls)")
            let next = try await stage.run("reconcile", stage.folder, "--dry-run", "--detailed-exitcode")
            #expect(next.exitCode == 0, "\(next.output)\(next.errors)")
        }
    }

    /// Its spec was deleted while no daemon ran.
    @Test(.timeLimit(.minutes(3)))
    func whatIsWishedNoMoreIsNotSubmitted() async throws {
        try await Self.with { stage in
            let specs = Self.specs.split(separator: "---\n", omittingEmptySubsequences: false).dropLast()
            try specs.joined(separator: "---\n").write(
                toFile: stage.folder + "/test/a.yaml",
                atomically: true,
                encoding: .utf8
            )
            let plan = try await stage.run("reconcile", stage.folder)
            #expect(plan.exitCode == 0 && plan.output.contains("takes back what waits: the creation of goodbye (en)"))
            let daemon = try await stage.start()
            try await eventually(within: .seconds(60), "the other one is submitted: \(daemon.errors)") {
                try await stage.statuses() == ["superseded", "done"]
            }
            #expect(stage.creations == ["welcome"])
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func commandsShowWhereTemplatesStandAndWaitForAReading() async throws {
        try await Self.with { stage in
            let before = try await stage.run("campaignd", "templates", "list", "--tenant", "test")
            #expect(before.exitCode == 0 && before.output.contains("not read"), "\(before.output)\(before.errors)")
            let late = try await stage.run("campaignd", "templates", "sync", "--tenant", "test", "--timeout", "1")
            #expect(late.exitCode == 1 && late.errors.contains("check that a daemon runs"), "\(late.errors)")
            let daemon = try await stage.start()
            try await eventually(within: .seconds(60), "the wishes are settled") {
                try await stage.statuses() == ["done", "done"]
            }
            let sync = try await stage.run("campaignd", "templates", "sync", "--tenant", "test", "--timeout", "60")
            #expect(sync.exitCode == 0 && sync.output == "main: 2 templates\n", "\(sync.output)\(sync.errors)")
            let list = try await stage.run("campaignd", "templates", "list", "--tenant", "test", "--format", "json")
            let items = (try JSONValue(parsing: list.output))["items"]
            #expect(items?[1]?["name"] == "welcome" && items?[1]?["status"] == "APPROVED", "\(list.output)")
            #expect(items?[1]?["submission"]?["status"] == "done")
            let table = try await stage.run("campaignd", "templates", "list", "--tenant", "test")
            #expect(table.output.contains(/welcome +welcome +en +APPROVED/), "\(table.output)")
            let none = try await stage.run("campaignd", "templates", "submit", "welcome", "--tenant", "test")
            #expect(none.exitCode == 1 && none.errors.contains("no submission of template `welcome`"))
            try await stage.pool.execute(
                "UPDATE template_submissions SET status = 'failed', error = 'refused' WHERE name = 'welcome'"
            )
            let again = try await stage.run("campaignd", "templates", "submit", "welcome", "--tenant", "test")
            #expect(
                again.exitCode == 0 && again.output == "welcome (en) is sent again by a daemon\n",
                "\(again.errors)"
            )
            // WhatsApp has it, so that nothing is sent.
            try await eventually(within: .seconds(60), "it is settled again") {
                try await stage.statuses() == ["done", "done"]
            }
            #expect(stage.creations.count == 2)
            // A reading that fails ends the wait.
            var settings = stage.simulator.managementSettings
            settings.faults = [ManagementFault(mode: .drop)]
            try stage.simulator.setManagement(settings)
            let start = ContinuousClock.now
            let failed = try await stage.run("campaignd", "templates", "sync", "--tenant", "test", "--timeout", "110")
            let reason = "main: the answer of WhatsApp was lost"
            #expect(failed.exitCode == 1 && failed.errors.contains(reason), "\(failed)")
            #expect(ContinuousClock.now - start < .seconds(60))
            daemon.signal(SIGTERM)
            #expect(try await daemon.outcome().exitCode == 0)
        }
    }
}
