import ArgumentParser
import Daemon
import Foundation
import Logging
import Runtime
import ServiceLifecycle
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the daemon.",
        discussion: """
            Launches, feeds and sends until it gets SIGTERM or SIGINT; then it finishes what is under way and gives back \
            the rest. Any number of daemons may share one Postgres and one Redis.

            Environment: DATABASE_URL, REDIS_URL, WHATSAPP_API_URL, WHATSAPP_APP_SECRET, WHATSAPP_VERIFY_TOKEN, HTTP_HOST, \
            HTTP_PORT, TLS_CERTIFICATE_FILE with TLS_PRIVATE_KEY_FILE, JWT_SECRET or JWT_PUBLIC_KEY_FILE or JWKS_FILE, \
            JWT_ISSUER, JWT_AUDIENCE, API_RATE_LIMIT, TRIGGER_RATE_LIMIT, TRIGGER_SECRETS, LOG_LEVEL, MAX_IN_FLIGHT, \
            DATABASE_CONNECTIONS, UNCONFIRMED_TIMEOUT, REQUEST_TIMEOUT, FLIGHT_LEASE, and the variables that senders name as their access token.
            """
    )

    @OptionGroup var database: DatabaseOptions

    @Option(help: "URL of Redis. (default: $REDIS_URL)")
    var redisURL: String?

    @Option(help: "Address to serve HTTP on. (default: $HTTP_HOST or 127.0.0.1)")
    var host: String?

    @Option(help: "Port to serve HTTP on; 0 takes a free one. (default: $HTTP_PORT or 8080)")
    var port: Int?

    @Option(
        help: "WhatsApp Cloud API with its version. (default: $WHATSAPP_API_URL or \(WhatsAppAPI.defaultURL))"
    )
    var whatsAppURL: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: $LOG_LEVEL or info)")
    var logLevel: String?

    @Option(
        help: "Folder of specs to apply, when it changes and at an interval, by the rules of `reconcile`.",
        completion: .directory
    )
    var specs: String?

    @Option(
        help: ArgumentHelp(
            "Seconds after which the specs are compared again, though no file has changed.",
            valueName: "seconds"
        )
    )
    var specsInterval = 60

    func validate() throws {
        guard (1...86_400).contains(specsInterval) else {
            throw ValidationError("--specs-interval takes a number from 1 to 86400.")
        }
    }

    func run() async throws {
        var environment = database.environment
        environment.override("REDIS_URL", redisURL)
        environment.override("HTTP_HOST", host)
        environment.override("HTTP_PORT", port.map(String.init))
        environment.override("WHATSAPP_API_URL", whatsAppURL)
        environment.override("LOG_LEVEL", logLevel)
        let configuration = try DaemonConfiguration(environment: environment)
        let logger = Logger.command(level: configuration.logLevel)
        let (files, needed) = (OpenFiles.raiseLimit(), configuration.openFiles)
        if files < needed {
            logger.warning(
                "Few files may be open: connections will fail; raise `ulimit -n`, or lower MAX_IN_FLIGHT",
                metadata: ["files": "\(files)", "needed": "\(needed)"]
            )
        }
        let loop = specs.map { folder in
            SpecsLoop(
                folder: folder,
                interval: .seconds(specsInterval),
                postgres: configuration.postgres,
                logger: logger
            )
        }
        let daemon = Daemon(
            configuration: configuration,
            environment: environment,
            logger: logger,
            specs: loop.map { loop in SpecsService(service: loop, state: { loop.status.state }) }
        ) { port in
            let scheme = configuration.certificate == nil ? "http" : "https"
            logger.notice("Serving", metadata: ["url": "\(scheme)://\(configuration.httpHost):\(port)"])
        }
        var group = ServiceGroupConfiguration(
            services: [.init(service: daemon)],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        // A request may take 30 seconds, and its outcome has to be written.
        group.maximumGracefulShutdownDuration = .seconds(45)
        try await ServiceGroup(configuration: group).run()
    }
}

extension [String: String] {
    /// Lets a flag win over the environment.
    fileprivate mutating func override(_ name: String, _ value: String?) {
        if let value { self[name] = value }
    }
}
