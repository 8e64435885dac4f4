public import API
public import AccessTokens
public import Logging
import OneShotHTTP
public import Postgres
public import Redis
import Runtime
public import Settings
public import Store

/// The configuration of a daemon, checked.
public struct DaemonConfiguration: Sendable {
    public var postgres: PostgresConfiguration
    /// The way to the same server for the session that listens; `nil` if ``postgres`` is no pooler.
    public var listening: PostgresConfiguration?
    /// A replica for reads; `nil` reads from the primary.
    public var replica: PostgresConfiguration?
    /// The most by which the replica may be older than the primary; else the primary is read.
    public var replicaAge = Duration.seconds(10)
    public var redis: RedisConfiguration
    public var httpHost = "127.0.0.1"
    /// 0 takes any free port.
    public var httpPort = 8080
    /// The certificate for HTTPS; `nil` serves plain HTTP, for a proxy.
    public var certificate: ServerCertificate?
    /// Time after which an idle connection, or one in the middle of a request, is closed: longer than the 60 s of proxies, so
    /// that they close first.
    var idleTimeout = Duration.seconds(75)
    /// The address of the API with its version, without a slash at the end.
    public var whatsAppURL = WhatsAppAPI.defaultURL
    /// The proxy of requests to the API, and the certificates that they trust.
    var outbound = OutboundSettings()
    /// The key of webhook signatures, which may be in a file; `nil` refuses all webhooks.
    var appSecretSource: Reloadable<String>?
    /// The key of webhook signatures; `nil` refuses all webhooks.
    public var appSecret: String? {
        get { appSecretSource?.value }
        set { appSecretSource = newValue.map { Reloadable($0) } }
    }
    /// The token for the verification of the webhook's address; `nil` refuses it.
    public var verifyToken: String?
    /// The keys of access tokens; `nil` closes the API.
    public var tokens: TokenSettings?
    /// Rate limit of API requests per tenant and second; 0 for none.
    public var requestsPerSecond = 100
    /// Rate limit of trigger events per tenant and second, however they are batched; 0 for none.
    public var eventsPerSecond = 10_000
    /// The keys with which tenants sign events; none by default.
    public var triggerSecrets: TriggerSecrets?
    /// The key of the hashes of erased people's opt-outs; without it no person can be erased.
    public var erasureKey: ErasureKey?
    /// True to serve the dashboard at `/ui`.
    public var servesDashboard = true
    /// Returns whether the database holds a tenant; callers of others are refused.
    public var holds: @Sendable (String) -> Bool = { _ in true }
    public var logLevel = Logger.Level.info
    /// Maximum number of messages processed at once, over all lanes; some of them are requests under way.
    public var maximumInFlight = 1_024
    /// Maximum number of connections to Postgres.
    public var maximumConnections = 8
    /// Time in which a status may still settle a message after its answer was lost.
    public var unconfirmedTimeout = Duration.seconds(15 * 60)
    /// Time an answer of WhatsApp may take; a request without one by then may have been accepted.
    public var requestTimeout = OutboundRequest.defaultTimeout
    /// Lease of a message that may have been written, after which another daemon takes it over; longer than
    /// ``requestTimeout``.
    public var flightLease = LaneLeases().flight

    public init(postgres: PostgresConfiguration, redis: RedisConfiguration) {
        self.postgres = postgres
        self.redis = redis
    }

    /// Number of open files that the process needs: a socket per request under way, connections to Postgres, and room for
    /// callers and everything else.
    public var openFiles: Int { maximumInFlight + maximumConnections * (replica == nil ? 1 : 2) + 256 }
}

extension DaemonConfiguration {
    /// Reads the configuration from environment variables; unset and empty are the same.
    ///
    /// - Throws: ``ConfigurationError``, which names the variable and shows an example.
    public init(environment: [String: String]) throws(ConfigurationError) {
        let variables = Variables(environment)
        guard let postgres = try variables.postgres("DATABASE_URL", applicationName: "campaignd") else {
            throw .missing("DATABASE_URL", example: "postgresql://user:password@localhost:5432/campaigns")
        }
        self.init(postgres: postgres, redis: try variables.redis())
        // They lead to the same schema, so it need not be repeated.
        listening = try variables.postgres("DATABASE_LISTEN_URL", applicationName: "campaignd")?
            .inSchema(of: postgres)
        replica = try variables.postgres("DATABASE_READ_URL", applicationName: "campaignd")?.inSchema(of: postgres)
        replicaAge =
            try variables.integer("DATABASE_READ_MAX_AGE", in: 2...3_600, example: "10").map { .seconds($0) }
            ?? replicaAge
        httpHost = variables["HTTP_HOST"] ?? httpHost
        httpPort = try variables.integer("HTTP_PORT", in: 0...65_535, example: "8080") ?? httpPort
        certificate = try ServerCertificate.read(variables)
        whatsAppURL = try variables.graphAPI()
        outbound = try OutboundSettings(variables)
        appSecretSource = try Self.appSecret(variables)
        verifyToken = variables["WHATSAPP_VERIFY_TOKEN"]
        tokens = try TokenSettings.read(variables)
        requestsPerSecond =
            try variables.integer("API_RATE_LIMIT", in: 0...1_000_000, example: "100") ?? requestsPerSecond
        eventsPerSecond =
            try variables.integer("TRIGGER_RATE_LIMIT", in: 0...1_000_000, example: "10000") ?? eventsPerSecond
        triggerSecrets = try TriggerSecrets(variables)
        erasureKey = try variables.erasureKey()
        servesDashboard = try variables.isOn("UI") ?? servesDashboard
        logLevel = try variables.logLevel("LOG_LEVEL") ?? logLevel
        maximumInFlight = try variables.integer("MAX_IN_FLIGHT", in: 1...10_000, example: "1024") ?? maximumInFlight
        maximumConnections =
            try variables.integer("DATABASE_CONNECTIONS", in: 2...1_000, example: "8") ?? maximumConnections
        unconfirmedTimeout =
            try variables.integer("UNCONFIRMED_TIMEOUT", in: 1...604_800, example: "900").map { .seconds($0) }
            ?? unconfirmedTimeout
        requestTimeout =
            try variables.integer("REQUEST_TIMEOUT", in: 1...300, example: "30").map { .seconds($0) } ?? requestTimeout
        flightLease = try Self.flightLease(variables, requestTimeout: requestTimeout)
        guard CrashPoint.isValid(variables["CRASH_AT"]) else {
            let known = CrashPoint.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed("CRASH_AT", problem: "no crash point of that name; it is one of \(known), and :n")
        }
    }

    private static func appSecret(_ variables: Variables) throws(ConfigurationError) -> Reloadable<String>? {
        let name = "WHATSAPP_APP_SECRET"
        guard variables[name] != nil else { return nil }
        return try Reloadable { () throws(ConfigurationError) in
            guard let secret = try variables.secret(name) else { throw .missing(name, example: "0a1b2c…") }
            return secret
        }
    }

    private static func flightLease(
        _ variables: Variables,
        requestTimeout: Duration
    ) throws(ConfigurationError) -> Duration {
        let shortest = LaneLeases.shortestFlight(requestTimeout: requestTimeout)
        let seconds = Int(shortest.components.seconds)
        guard let lease = try variables.integer("FLIGHT_LEASE", in: 1...3_600, example: "45") else {
            return max(LaneLeases().flight, shortest)
        }
        guard lease >= seconds else {
            throw .malformed(
                "FLIGHT_LEASE",
                problem: """
                    \(lease) s is too short: a request may take \(requestTimeout.components.seconds) s \
                    (REQUEST_TIMEOUT) and its outcome must be written before the lease ends, or messages that are \
                    still being sent look lost; use at least \(seconds); example: 45
                    """
            )
        }
        return .seconds(lease)
    }
}

extension Variables {
    /// Reads `ERASURE_KEY`, a secret or a file with it; `nil` if it is unset.
    public func erasureKey() throws(ConfigurationError) -> ErasureKey? {
        let name = "ERASURE_KEY"
        guard let secret = try secret(name) else { return nil }
        guard let key = ErasureKey(secret) else {
            throw .malformed(
                name,
                problem: "the secret has less than \(ErasureKey.shortest) bytes; example: $(openssl rand -hex 32)"
            )
        }
        return key
    }

    /// Reads a variable with the address of Postgres; `nil` if it is unset.
    func postgres(_ name: String, applicationName: String) throws(ConfigurationError) -> PostgresConfiguration? {
        guard let text = self[name] else { return nil }
        do {
            return try PostgresConfiguration(text, variable: name, applicationName: applicationName)
        } catch {
            throw .malformed(name, problem: "\(error)")
        }
    }

    /// Reads `REDIS_URL` and `REDIS_PREFIX`.
    public func redis() throws(ConfigurationError) -> RedisConfiguration {
        guard let text = self["REDIS_URL"] else { throw .missing("REDIS_URL", example: "redis://localhost:6379/0") }
        var configuration: RedisConfiguration
        do {
            configuration = try RedisConfiguration(url: text)
        } catch {
            throw .malformed("REDIS_URL", problem: "\(error)")
        }
        let prefix = self["REDIS_PREFIX"] ?? ""
        // Braces would change the slots of keys in a cluster, and wildcards those that an ACL allows.
        guard prefix.wholeMatch(of: /[A-Za-z0-9:._\/-]{0,64}/) != nil else {
            throw .malformed(
                "REDIS_PREFIX",
                problem: "it takes up to 64 letters, digits and the signs : . _ / -; example: REDIS_PREFIX=staging:"
            )
        }
        configuration.keyPrefix = prefix
        return configuration
    }
}
