import Foundation
import Logging
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// A database, specs, contacts and a simulated WhatsApp for one test, with the commands that work on them.
struct Stage: Sendable {
    let environment: [String: String]
    let pool: PostgresPool
    let simulator: Simulator
    let folder: URL
    let ledger: URL
    /// Names the sender in Redis; unique, so that tests do not share lanes.
    let phoneNumberID: String

    /// Sets up the stage: migrates, imports contacts and applies specs; launches nothing.
    ///
    /// - Parameters:
    ///   - contacts: Number of recipients.
    ///   - rate: Messages per second of the sender.
    ///   - variables: Further variables of the daemons.
    ///   - address: Returns the variables with which the commands find Postgres, from its address.
    ///   - rules: The rules of the simulated WhatsApp.
    ///   - body: The test.
    /// - Throws: An error of the setup or the test.
    static func with(
        contacts: Int,
        rate: Int,
        variables: [String: String] = [:],
        address: (_ url: String) throws -> [String: String] = { ["DATABASE_URL": $0] },
        rules: SimulatorRules = SimulatorRules(),
        _ body: (Stage) async throws -> Void
    ) async throws {
        try await withDatabase { folder, pool, environment in
            var settings = SimulatorConfiguration()
            settings.rules = rules
            settings.ledgerPath = folder.appending(path: "ledger.jsonl").path
            settings.webhooks.appSecret = "secret"
            settings.webhooks.deliveredShare = 1
            settings.webhooks.readShare = 0.5
            settings.webhooks.failedShare = 0
            settings.webhooks.readDelay = .milliseconds(10) ... .milliseconds(50)
            try await Simulator.withRunning(configuration: settings, logger: TestDatabase.logger) { simulator in
                let address = try address(try #require(environment["DATABASE_URL"]))
                let environment = environment.merging(variables) { $1 }.merging(address) { $1 }
                let stage = try Stage(environment: environment, pool: pool, simulator: simulator, folder: folder)
                try await stage.prepare(contacts: contacts, rate: rate)
                try await body(stage)
            }
        }
    }

    private init(
        environment: [String: String],
        pool: PostgresPool,
        simulator: Simulator,
        folder: URL
    ) throws {
        let whatsApp = [
            "WHATSAPP_API_URL": try #require(simulator.baseURL) + "/v23.0", "WHATSAPP_APP_SECRET": "secret",
            "WHATSAPP_TOKEN_TEST": "token",
        ]
        self.environment = environment.merging(whatsApp) { $1 }
        self.pool = pool
        self.simulator = simulator
        self.folder = folder
        ledger = folder.appending(path: "ledger.jsonl")
        phoneNumberID = String(UInt64.random(in: 100_000_000_000...999_999_999_999))
    }

    private init(_ other: Stage, variables: [String: String]) {
        environment = other.environment.merging(variables) { $1 }
        (pool, simulator, folder, ledger) = (other.pool, other.simulator, other.folder, other.ledger)
        phoneNumberID = other.phoneNumberID
    }

    /// The same stage with other variables.
    func with(_ variables: [String: String]) -> Stage { Stage(self, variables: variables) }

    private func prepare(contacts: Int, rate: Int) async throws {
        let specs = folder.appending(path: "campaigns/test")
        try FileManager.default.createDirectory(at: specs, withIntermediateDirectories: true)
        try Self.specs(phoneNumberID: phoneNumberID, rate: rate)
            .write(to: specs.appending(path: "campaign.yaml"), atomically: true, encoding: .utf8)
        let rows = (1...contacts).map { "2547\(10_000_000 + $0),Contact \($0),demo\n" }
        let file = folder.appending(path: "contacts.csv")
        try ("contactId,name,tags\n" + rows.joined()).write(to: file, atomically: true, encoding: .utf8)
        try await succeed("campaignd", "contacts", "import", "--tenant", "test", file.path)
        try await succeed("reconcile", campaigns)
    }

    /// Adds a second campaign for the same contacts.
    func addCampaign(_ name: String) throws {
        let file = folder.appending(path: "campaigns/test/\(name).yaml")
        try Self.campaign(named: name).write(to: file, atomically: true, encoding: .utf8)
    }

    /// The folder of the specs.
    var campaigns: String { folder.appending(path: "campaigns").path }

    /// Runs a command that must succeed.
    @discardableResult
    func succeed(_ command: String, _ arguments: String...) async throws -> String {
        let outcome = try await Command.run(command, arguments, environment: environment)
        try #require(
            outcome.exitCode == 0,
            "\(command) \(arguments.joined(separator: " ")): \(outcome.output)\(outcome.errors)"
        )
        return outcome.output
    }

    /// Starts a daemon and waits until it serves; the simulator reports to the latest one.
    ///
    /// - Parameter shell: Commands of the shell that it is started from.
    /// - Returns: The daemon.
    /// - Throws: An error if it does not serve in time.
    func startDaemon(after shell: String = ":") async throws -> ChildProcess {
        let daemon = try await Command.start(
            "/bin/sh",
            ["-c", "\(shell) && exec \"$0\" run", Command.path(of: "campaignd")],
            environment: environment
        )
        try await eventually(within: .seconds(30), "the daemon serves") { daemon.errors.contains(/url"?[=:]"?http:/) }
        let port = try #require(daemon.errors.firstMatch(of: /url"?[=:]"?http:\/\/127\.0\.0\.1:(\d+)/)).1
        try simulator.setWebhookURL("http://127.0.0.1:\(port)/webhooks/whatsapp")
        return daemon
    }

    /// Returns the number of messages by status.
    func statuses() async throws -> [String: Int] {
        var statuses: [String: Int] = [:]
        for row in try await pool.query("SELECT status::text, count(*) FROM campaign_messages GROUP BY 1") {
            statuses[try row.decode(0)] = try row.decode(1, as: Int.self)
        }
        return statuses
    }

    func runStatus() async throws -> String {
        try await pool.query("SELECT status FROM campaign_runs")[0].decode(0)
    }

    /// Checks in the receiver's ledger that each recipient got one message and that no second exceeds `rate`.
    func checkLedger(recipients: Int, rate: Int?) async throws {
        try await eventually("the ledger is written") {
            try await LedgerReader(path: ledger.path).summary().recipients >= recipients
        }
        let summary = try await LedgerReader(path: ledger.path).summary()
        #expect(summary.recipients == recipients)
        #expect(summary.accepted == recipients)
        #expect(summary.repeatedRecipients.isEmpty)
        if let rate { #expect((summary.mostRequestsInOneSecond[phoneNumberID] ?? 0) <= rate) }
    }

    private static func specs(phoneNumberID: String, rate: Int) -> String {
        """
        kind: Sender
        name: main
        phoneNumberId: "\(phoneNumberID)"
        accessToken: env:WHATSAPP_TOKEN_TEST
        tier: 4
        ratePerSecond: \(rate)
        ---
        kind: Template
        name: hello
        whatsappName: hello
        language: en
        category: marketing
        body: "Hello {{1}}"
        ---
        \(campaign(named: "hello"))
        """
    }

    private static func campaign(named name: String) -> String {
        """
        kind: Campaign
        name: \(name)
        type: manual
        sender: main
        template: hello
        params: { "1": "{{name|there}}" }
        audience:
          logic: AND
          conditions:
            - { field: tags, operator: contains, value: demo }
        """
    }
}
