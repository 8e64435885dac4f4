import Foundation
import Postgres

/// Where the database is.
enum DatabaseSetting {
    /// A setting that stops the command.
    enum Problem: Error, CustomStringConvertible {
        case missing

        var description: String {
            "DATABASE_URL is not set; example: DATABASE_URL=postgresql://user:password@localhost:5432/campaigns"
        }
    }

    /// The value of `--database-url`, or else of the variable.
    static func configuration(_ option: String?) throws -> PostgresConfiguration {
        let variable = ProcessInfo.processInfo.environment["DATABASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
        guard let text = option ?? variable else { throw Problem.missing }
        return try PostgresConfiguration(
            text,
            variable: option == nil ? "DATABASE_URL" : "--database-url",
            applicationName: "reconcile"
        )
    }
}
