public import Postgres
public import Redis
public import Settings

extension Variables {
    /// `DATABASE_URL`.
    public func postgres(applicationName: String) throws(ConfigurationError) -> PostgresConfiguration {
        guard let text = self["DATABASE_URL"] else {
            throw .missing("DATABASE_URL", example: "postgresql://user:password@localhost:5432/campaigns")
        }
        do {
            return try PostgresConfiguration(text, applicationName: applicationName)
        } catch {
            throw .malformed("DATABASE_URL", problem: "\(error)")
        }
    }

    /// `REDIS_URL`.
    public func redis() throws(ConfigurationError) -> RedisConfiguration {
        guard let text = self["REDIS_URL"] else { throw .missing("REDIS_URL", example: "redis://localhost:6379/0") }
        do {
            return try RedisConfiguration(url: text)
        } catch {
            throw .malformed("REDIS_URL", problem: "\(error)")
        }
    }
}
