/// The environment variables of the daemon, as `campaignd run --help` shows them; `docs/configuration.md` says more.
enum RunEnvironment {
    struct Variable: Sendable {
        let name: String
        let meaning: String
        /// The value if it is unset, or what follows then.
        let fallback: String

        init(_ name: String, _ meaning: String, _ fallback: String) {
            (self.name, self.meaning, self.fallback) = (name, meaning, fallback)
        }
    }

    static let variables = [
        Variable("DATABASE_URL", "Postgres", "required"),
        Variable("DATABASE_CONNECTIONS", "size of the connection pool", "8"),
        Variable("DATABASE_LISTEN_URL", "Postgres itself behind a pooler", "DATABASE_URL"),
        Variable("DATABASE_READ_URL", "replica for reads", "DATABASE_URL"),
        Variable("DATABASE_READ_MAX_AGE", "its greatest age in seconds", "10"),
        Variable("CELLS_FILE", "file of cells; needs --cell", "DATABASE_URL is the only one"),
        Variable("REDIS_URL", "Redis, a cluster, or sentinels", "required"),
        Variable("REDIS_PREFIX", "text before all keys in Redis", "none"),
        Variable("WHATSAPP_API_URL", "address of the Cloud API", "Meta's"),
        Variable("WHATSAPP_APP_SECRET", "verifies webhooks; file:/path", "webhooks are refused"),
        Variable("WHATSAPP_VERIFY_TOKEN", "verifies the webhook's address", "refused"),
        Variable("HTTPS_PROXY", "proxy of requests to WhatsApp", "none"),
        Variable("NO_PROXY", "hosts without the proxy", "none"),
        Variable("SSL_CERT_FILE", "certificates to trust", "the system's"),
        Variable("PRIVATE_LINKS", "samples from private addresses", "off"),
        Variable("HTTP_HOST", "address of API and webhook", "127.0.0.1"),
        Variable("HTTP_PORT", "its port; 0 takes a free one", "8080"),
        Variable("TLS_CERTIFICATE_FILE", "certificate of the server", "plain HTTP"),
        Variable("TLS_PRIVATE_KEY_FILE", "its key", "plain HTTP"),
        Variable("JWT_SECRET", "verifies tokens (HS256)", "the API is closed"),
        Variable("JWT_PUBLIC_KEY_FILE", "verifies tokens (RS256, ES256)", "the API is closed"),
        Variable("JWKS_FILE", "verifies tokens, several keys", "the API is closed"),
        Variable("JWKS_URL", "the same, from their provider", "the API is closed"),
        Variable("JWT_ISSUER", "required issuer of tokens", "any"),
        Variable("JWT_AUDIENCE", "required audience of tokens", "any"),
        Variable("OIDC_ISSUER", "where people sign in", "links only"),
        Variable("OIDC_CLIENT_ID", "the dashboard's name there", "links only"),
        Variable("OIDC_TENANT_CLAIM", "claim that names their tenant", "tenantId"),
        Variable("SCOPE_CLAIM", "claim with the scopes of tokens", "campaigns or scope"),
        Variable("TRIGGER_SECRETS", "tenant:secret of signed events", "none"),
        Variable("API_RATE_LIMIT", "requests per second and tenant", "100"),
        Variable("TRIGGER_RATE_LIMIT", "events per second and tenant", "10000"),
        Variable("MAX_IN_FLIGHT", "messages processed at once", "1024"),
        Variable("REQUEST_TIMEOUT", "seconds for an answer", "30"),
        Variable("FLIGHT_LEASE", "seconds of a lease", "45"),
        Variable("UNCONFIRMED_TIMEOUT", "seconds to wait for a report", "900"),
        Variable("ERASURE_KEY", "key of erased people's opt-outs", "erasing is refused"),
        Variable("UI", "dashboard at /ui: on or off", "on"),
        Variable("NOTIFY_SOCKET", "socket of the service manager", "nobody is told"),
        Variable("WATCHDOG_USEC", "longest silence it takes, in µs", "no watchdog"),
        Variable("RECONCILE_ENVIRONMENT", "values of the specs of --specs", "none"),
        Variable("LOG_LEVEL", "trace to critical", "info"),
        Variable("LOG_FORMAT", "logfmt or json", "logfmt"),
    ]

    /// The table, one line for each variable.
    static var text: String {
        variables.map { variable in
            "  " + variable.name.padding(to: 23) + variable.meaning.padding(to: 32) + "(\(variable.fallback))"
        }
        .joined(separator: "\n")
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(1, width - count))
    }
}
