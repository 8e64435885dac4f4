import ArgumentParser
import CommandKit
import Foundation
import Logging
import ServiceLifecycle
import Settings
import Spelling
import UnixSignals
import WhatsAppSimulator

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run a simulator of the WhatsApp Cloud API.",
        discussion: """
            Checks requests as the real API does, answers them, reports deliveries with signed webhooks and appends each \
            request to a ledger. Point WHATSAPP_API_URL at it: http://127.0.0.1:8090/v23.0

            Faults and rules can be changed while it runs: PUT the JSON of --faults to /_simulator/faults, and that of \
            --rules to /_simulator/rules. POST to /_simulator/inbound, /preference and /event makes it report what \
            contacts write and choose, and any other event.

            Templates, numbers, accounts and uploads have the routes of the Graph API. PUT the JSON of --management to \
            /_simulator/management; POST to /_simulator/template, /number and /account to change them as Meta would, \
            and to /_simulator/clock to move their time forward.

            Examples:
              campaignd simulate --ledger ledger.jsonl --webhook-url http://127.0.0.1:8080/webhooks/whatsapp
              campaignd simulate --rules real --rate-limit 80
            """
    )

    @Option(help: "Address to serve on.")
    var host = "127.0.0.1"

    @Option(help: "Port to serve on; 0 takes a free one.")
    var port = 8090

    @Option(help: "Webhook to report deliveries to, such as http://127.0.0.1:8080/webhooks/whatsapp.")
    var webhookURL: String?

    @Option(help: "File to append every request to, as JSON lines.", completion: .file())
    var ledger: String?

    @Option(help: "Refuse more than this number of requests per second and phone number.")
    var rateLimit: Int?

    @Option(help: "Seed of all random choices.")
    var seed: UInt64 = 1

    @Option(help: "Share of accepted messages that are delivered, from 0 to 1.")
    var delivered: Double?

    @Option(help: "Share of delivered messages that are read, from 0 to 1.")
    var read: Double?

    @Option(help: "Share of accepted messages that fail after they were accepted, from 0 to 1.")
    var failed: Double?

    @Option(help: "Faults as JSON, such as '{\"errors\": [{\"share\": 0.1, \"code\": 130429, \"status\": 429}]}'.")
    var faults: String?

    @Option(help: "Rules of the real service: `real` for those without data, or JSON as '{\"closesWindows\": true}'.")
    var rules: String?

    @Option(help: "Settings of templates, numbers and account as JSON, such as '{\"reviewSeconds\": 5}'.")
    var management: String?

    @Option(help: "Id of the WhatsApp Business Account.")
    var account: String?

    @Option(help: "Log level: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    func run() async throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("`\(logLevel)` is not a log level; use one of \(known).")
        }
        let variables = Variables(ProcessInfo.processInfo.environment)
        let logger = Logger.command(level: level, format: try LogFormat(variables))
        let simulator = try Simulator(configuration: try settings(), logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: simulator, serviceName: "simulator"),
                    .init(service: Announcement(simulator: simulator, logger: logger), serviceName: "announcement"),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger.withoutDebug
            )
        )
        try await group.run()
        let summary = simulator.summary()
        let counts = "accepted \(summary.accepted.grouped), rejected \(summary.rejected.grouped)"
        print("\(counts), recipients \(summary.recipients.grouped)")
    }

    private func settings() throws -> SimulatorConfiguration {
        var settings = SimulatorConfiguration()
        settings.host = host
        settings.port = port
        settings.ledgerPath = ledger
        settings.seed = seed
        settings.limits.ratePerSecond = rateLimit
        settings.webhooks.url = webhookURL
        settings.webhooks.appSecret = ProcessInfo.processInfo.environment["WHATSAPP_APP_SECRET"] ?? ""
        settings.webhooks.deliveredShare = delivered ?? settings.webhooks.deliveredShare
        settings.webhooks.readShare = read ?? settings.webhooks.readShare
        settings.webhooks.failedShare = failed ?? settings.webhooks.failedShare
        if let faults { settings.faults = try SimulatorFaults(json: Data(faults.utf8)) }
        if let rules { settings.rules = try rules == "real" ? .real : SimulatorRules(json: Data(rules.utf8)) }
        if let management { settings.management = try ManagementSettings(json: Data(management.utf8)) }
        settings.accountID = account ?? settings.accountID
        if webhookURL != nil && settings.webhooks.appSecret.isEmpty {
            throw ValidationError("WHATSAPP_APP_SECRET is not set, but webhooks are signed with it.")
        }
        return settings
    }
}

/// Logs the address of the simulator once it accepts connections.
private struct Announcement: Service {
    let simulator: Simulator
    let logger: Logger

    func run() async throws {
        let port = try await simulator.waitUntilReady()
        logger.notice("Simulator started", metadata: ["url": "http://127.0.0.1:\(port)/v23.0"])
        try await gracefulShutdown()
    }
}
