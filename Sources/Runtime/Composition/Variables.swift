import Logging
public import Postgres
public import Redis

/// Environment variables, read with errors that name the variable and show an example.
public struct Variables: Sendable {
    private let values: [String: String]

    public init(_ environment: [String: String]) {
        values = environment
    }

    /// The value of a variable; `nil` when it is unset or empty.
    public subscript(name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

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

    func integer(_ name: String, in range: ClosedRange<Int>, example: String) throws(ConfigurationError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .malformed(
                name,
                problem:
                    "`\(text)` is no whole number from \(range.lowerBound) to \(range.upperBound); example: \(example)"
            )
        }
        return value
    }

    func url(_ name: String, example: String) throws(ConfigurationError) -> String? {
        guard var text = self[name] else { return nil }
        guard text.hasPrefix("http://") || text.hasPrefix("https://"), text.count > 8 else {
            throw .malformed(name, problem: "`\(text)` is no http or https address; example: \(example)")
        }
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    func logLevel(_ name: String) throws(ConfigurationError) -> Logger.Level? {
        guard let text = self[name] else { return nil }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed(name, problem: "`\(text)` is no log level; use one of \(known)")
        }
        return level
    }
}
