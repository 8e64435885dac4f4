import ArgumentParser
import CommandKit
import JSON
import Logging
import Store

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database schema up to date.",
        discussion: """
            Safe to repeat and to run from several machines at once. Works on an existing contacts table: its columns are \
            checked before anything is changed, and rows without values get the defaults.

            Examples:
              campaignd migrate
              campaignd migrate --database-url postgresql://owner@localhost/campaigns
            """
    )

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let applied = try await database.withPool { pool in
            try await Migrator(pool: pool, logger: .command()).migrate()
        }
        let lines = applied.map { "applied \($0.version) \($0.name)" } + applied.flatMap(\.notes)
        output.write(
            [
                "applied": .array(applied.map { ["version": .integer($0.version), "name": .string($0.name)] }),
                "notes": .array(applied.flatMap(\.notes).map { .string("\($0)") }),
            ],
            text: lines.isEmpty ? "up to date" : lines.joined(separator: "\n")
        )
    }
}
