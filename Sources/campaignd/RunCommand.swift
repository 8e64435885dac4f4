import ArgumentParser
import Cells
import CommandKit
import Daemon
import Foundation
import Logging
import Runtime
import ServiceLifecycle
import Settings
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the daemon.",
        discussion: """
            Launches campaigns and sends messages until it gets SIGTERM or SIGINT; then it finishes the requests under way \
            and returns all other messages to the queue. Any number of daemons may share one Postgres and one Redis. SIGHUP \
            makes it read its certificate, keys and secrets in files again.

            Examples:
              campaignd run
              campaignd run --specs /srv/campaigns --log-level notice
              campaignd run --cell large

            Environment, with what holds if a variable is not set; a flag overrides its variable. The variables that senders \
            name as their access tokens are read too.
            \(RunEnvironment.text)
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
        help: "URL of the WhatsApp API with its version. (default: $WHATSAPP_API_URL or \(WhatsAppAPI.defaultURL))"
    )
    var whatsAppURL: String?

    @Option(help: "Log level: trace, debug, info, notice, warning, error or critical. (default: $LOG_LEVEL or info)")
    var logLevel: String?

    @Option(
        help: "Folder of specs to apply whenever it changes and at an interval, with the safety rules of `reconcile`.",
        completion: .directory
    )
    var specs: String?

    @OptionGroup var specsEnvironment: EnvironmentOptions

    @Option(
        help: ArgumentHelp(
            "Interval after which the specs are compared again even if no file has changed.",
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
        // Until it is listened to, a hang-up means nothing: by default it would kill.
        signal(SIGHUP, SIG_IGN)
        let map = try database.map() ?? .single
        let cell = try database.cell.map { try map.cell(named: $0) } ?? map.cell(ofAll: [])
        var environment = try cell.environment(database.environment)
        environment.override("REDIS_URL", redisURL)
        environment.override("HTTP_HOST", host)
        environment.override("HTTP_PORT", port.map(String.init))
        environment.override("WHATSAPP_API_URL", whatsAppURL)
        environment.override("LOG_LEVEL", logLevel)
        var configuration = try DaemonConfiguration(environment: environment)
        // A tenant that no cell holds is in none, so neither its calls nor its specs are taken anywhere.
        let holds: @Sendable (String) -> Bool = { (try? map.cell(of: $0)) == cell }
        configuration.holds = holds
        let logger = Logger.command(
            level: configuration.logLevel,
            format: try LogFormat(Variables(environment))
        )
        let (files, needed) = (OpenFiles.raiseLimit(), configuration.openFiles)
        if files < needed {
            logger.warning(
                "Limit of open files is too low, connections will fail: raise `ulimit -n` or lower MAX_IN_FLIGHT",
                metadata: ["files": "\(files)", "needed": "\(needed)"]
            )
        }
        let loop = specs.map { folder in
            SpecsLoop(
                folder: folder,
                environment: specsEnvironment.selected,
                holds: holds,
                interval: .seconds(specsInterval),
                postgres: configuration.postgres,
                logger: logger
            )
        }
        let (reloads, hangup) = AsyncStream<Void>.makeStream()
        let daemon = Daemon(
            configuration: configuration,
            environment: environment,
            logger: logger,
            version: Program.version,
            commit: Program.commit,
            specs: loop.map { loop in SpecsService(service: loop, state: { loop.status.state }) },
            reloads: reloads
        ) { [configuration] port in
            let scheme = configuration.certificate == nil ? "http" : "https"
            logger.notice("Serving", metadata: ["url": "\(scheme)://\(configuration.httpHost):\(port)"])
        }
        var group = ServiceGroupConfiguration(
            services: [
                .init(service: daemon, serviceName: "daemon"),
                .init(service: HangupListener(hangup: hangup), serviceName: "listener of SIGHUP"),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger.withoutDebug
        )
        // A request may take 30 seconds, and its outcome has to be stored.
        group.maximumGracefulShutdownDuration = .seconds(45)
        try await ServiceGroup(configuration: group).run()
    }
}

/// Passes SIGHUP on; a graceful shutdown ends it.
private struct HangupListener: Service {
    let hangup: AsyncStream<Void>.Continuation

    func run() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { hangup.yield() }
    }
}

extension [String: String] {
    /// Replaces a variable by the value of a flag, if the flag was given.
    fileprivate mutating func override(_ name: String, _ value: String?) {
        if let value { self[name] = value }
    }
}

/// The limit of open files of this process; sockets count as files.
private enum OpenFiles {
    /// Upper bound on open files: enough for the largest MAX_IN_FLIGHT, small enough for tools that iterate over all
    /// descriptors.
    private static let enough: rlim_t = 65_536

    /// Raises the soft limit, which is 1,024 by default and too low for many connections.
    ///
    /// - Returns: The current limit.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let wanted = min(limit.rlim_max, enough)
        if limit.rlim_cur < wanted {
            let former = limit.rlim_cur
            limit.rlim_cur = wanted
            // If the system refuses, the former limit stays.
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = former }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
