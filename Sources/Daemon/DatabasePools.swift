import Logging
import Postgres
import Runtime
import Settings
import Store

/// The connections of a daemon to Postgres: to the primary, and those for reads that may be a little old.
struct DatabasePools: Sendable {
    /// The greatest age of what people watch live: they expect to see at once what they have changed.
    private static let liveAge = Duration.seconds(2)

    let primary: PostgresPool
    /// For analytics, message logs, histories and previews.
    let reports: PostgresPool
    /// For the present state on the dashboard.
    let live: PostgresPool
    /// Measures the age of the replica; `nil` without one.
    let watch: ReplicaWatch?
    private let replica: PostgresPool?
    private let hasListeningURL: Bool

    init(_ configuration: DaemonConfiguration, logger: Logger) {
        primary = PostgresPool(
            configuration: configuration.postgres.settingInSessions(StablePlans.settings),
            listening: configuration.listening,
            maxConnections: configuration.maximumConnections,
            logger: logger
        )
        hasListeningURL = configuration.listening != nil
        guard var server = configuration.replica else {
            (reports, live, watch, replica) = (primary, primary, nil, nil)
            return
        }
        // The primary is soon asked instead, and the standing says why in the log.
        server.connectTimeout = .seconds(1)
        var silent = logger
        silent.logLevel = .critical
        let pool = PostgresPool(
            configuration: server.settingInSessions(StablePlans.settings),
            maxConnections: configuration.maximumConnections,
            acquireTimeout: .seconds(1),
            awaitsServer: false,
            logger: silent
        )
        let standing = ReplicaStanding(logger: logger)
        let age = configuration.replicaAge
        replica = pool
        reports = PostgresPool(reading: pool, else: primary, standing: standing, maximumAge: age)
        live = PostgresPool(reading: pool, else: primary, standing: standing, maximumAge: min(age, Self.liveAge))
        watch = ReplicaWatch(
            replica: ReplicaRepository(primary: primary, replica: pool),
            standing: standing,
            maximumAge: age,
            logger: logger
        )
    }

    /// Checks that what listens would hear of the same database.
    ///
    /// A server that cannot be reached is tried again later.
    ///
    /// - Throws: `ConfigurationError` if it is another one.
    func checkListening() async throws {
        guard hasListeningURL else { return }
        let isSame: Bool
        do {
            isSame = try await ReplicaRepository.listensToItself(primary)
        } catch is PostgresError {
            return
        }
        guard isSame else {
            throw ConfigurationError.malformed(
                "DATABASE_LISTEN_URL",
                problem: "it leads to another server, database or schema than DATABASE_URL"
            )
        }
    }

    func shutdown() async {
        await replica?.shutdown()
        await primary.shutdown()
    }
}
