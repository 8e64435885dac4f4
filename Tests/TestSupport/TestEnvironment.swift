import Glibc
public import Postgres

/// The servers that integration tests run against.
public enum TestEnvironment {
    /// True if tests that need Postgres run.
    ///
    /// Without `DATABASE_URL` they are skipped, or fail if `CAMPAIGNS_REQUIRE_SERVICES=1` is set.
    public static var hasPostgres: Bool { databaseURL != nil || requiresServices }

    /// Returns the configuration of the database in which the databases of tests are created.
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
