import ArgumentParser
import CommandKit
import Logging
import Store

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database schema up to date.",
        discussion: """
            Safe to repeat and to run from several machines at once. Works on an existing contacts table: its columns are \
            checked before anything is changed, and rows without values get the defaults.
            """
    )

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let applied = try await database.withPool { pool in
            try await Migrator(pool: pool, logger: .command()).migrate()
        }
        for migration in applied { print("applied \(migration.version) \(migration.name)") }
        for note in applied.flatMap(\.notes) { print(note) }
        if applied.isEmpty { print("up to date") }
    }
}
