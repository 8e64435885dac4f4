import Glibc
public import Postgres

/// The servers that integration tests run against.
public enum TestEnvironment {
    /// Whether tests that need Postgres are to run.
    ///
    /// They are left out only without `DATABASE_URL`; where `CAMPAIGNS_REQUIRE_SERVICES=1` is set they run, and fail.
    public static var hasPostgres: Bool { databaseURL != nil || requiresServices }

    /// How to reach the server's own database, in which others are made.
    ///
    /// - Throws: `PostgresError` when `DATABASE_URL` is missing or malformed.
    public static func postgres() throws(PostgresError) -> PostgresConfiguration {
        guard let url = databaseURL else {
            let help = "run Scripts/services up, then eval \"$(Scripts/services env)\""
            throw .configuration("DATABASE_URL is not set; \(help)")
        }
        return try PostgresConfiguration(url)
    }

    private static var databaseURL: String? { value("DATABASE_URL") }
    private static var requiresServices: Bool { value("CAMPAIGNS_REQUIRE_SERVICES") == "1" }

    private static func value(_ name: String) -> String? {
        guard let text = getenv(name).map({ String(cString: $0) }), !text.isEmpty else { return nil }
        return text
    }
}
