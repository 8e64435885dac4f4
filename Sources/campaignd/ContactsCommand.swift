import ArgumentParser
import CommandKit
import Contacts
import Daemon
import Foundation
import JSON
import Logging
import Postgres
import Settings
import Spec
import Spelling
import Store

struct ContactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contacts",
        abstract: "Work with contacts.",
        discussion: """
            Examples:
              campaignd contacts import contacts.csv --tenant acme --dry-run
              campaignd contacts suppressed --tenant acme
            """,
        subcommands: [
            ContactsImportCommand.self, ContactsSampleCommand.self, ContactsSuppressCommand.self,
            ContactsUnsuppressCommand.self, ContactsSuppressedCommand.self, ContactsConsentCommand.self,
            ContactsDuplicatesCommand.self, ContactsMergeCommand.self, ContactsEraseCommand.self,
            ContactsExportCommand.self,
        ]
    )
}

struct ContactsImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import contacts from a CSV file.",
        discussion: """
            The first line names the columns: \(ContactColumn.importable.map(describe).joined(separator: ", ")), and \
            metadata.<key> for anything else; usual names such as Phone, Mobile or Full name are understood. \
            Contacts that exist are updated in the columns that the file has, and an empty cell leaves what is there. \
            Invalid rows are reported with their line and skipped; the exit code is then 1.

            The separator (comma, semicolon, tab or bar) is found by itself, and so are UTF-8, UTF-16 with its mark, and \
            Windows-1252. Phone numbers are brought to one form: +254 (0) 700-000 017 becomes 254700000017.

            Examples:
              campaignd contacts import contacts.csv --tenant acme --country KE --dry-run
              campaignd contacts import --from-sql 'SELECT phone, name FROM people' --from-database env:CRM_URL --tenant acme
            """
    )

    private static func describe(_ column: ContactColumn) -> String {
        switch column.definition.cell {
        case .phone: "\(column.rawValue) (the phone number with its country code)"
        case .tags: "\(column.rawValue) (separated by ; or |)"
        case .text, .number, .time, .boolean, .keys: column.rawValue
        }
    }

    @Argument(help: "The CSV file.", completion: .file(extensions: ["csv"]))
    var file: String?

    @Option(
        name: .customLong("from-sql"),
        help: ArgumentHelp(
            "A SELECT whose rows are imported in place of a file; its columns are named like those of a file.",
            valueName: "select"
        )
    )
    var fromSQL: String?

    @Option(
        help: ArgumentHelp(
            "The database for --from-sql: its connection URL, or env:NAME for the variable with it.",
            valueName: "url"
        )
    )
    var fromDatabase: String?

    @Option(
        help: ArgumentHelp("A file for the refused rows, as CSV with a column for the reason.", valueName: "file"),
        completion: .file(extensions: ["csv"])
    )
    var refused: String?

    @Option(help: "Tenant of the contacts.")
    var tenant: String

    @Option(
        help: "Country of numbers without a country code, such as KE. (default: the country of the tenant)",
        completion: .list(CallingCode.countries)
    )
    var country: String?

    @Option(
        help: ArgumentHelp(
            "What a column of the file is, such as 'Phone=contactId', 'Plan=metadata.plan', or 'Notes=-' to leave it out.",
            valueName: "name=column"
        )
    )
    var column: [String] = []

    @Option(help: "What an empty cell does to a contact that exists: keeps its value, or clears it.")
    var empty = EmptyCells.keeps

    @Flag(help: "Opt in contacts whose row says optedIn=true although they have opted out: they have agreed again.")
    var allowOptIn = false

    @Flag(help: "Check the file and count what would change, and change nothing.")
    var dryRun = false

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    /// The effect of an empty cell.
    enum EmptyCells: String, ExpressibleByArgument, CaseIterable {
        case keeps, clears
    }

    private func options() throws -> ContactImportOptions {
        var options = ContactImportOptions(
            emptyClears: empty == .clears,
            allowsOptIn: allowOptIn,
            isDryRun: dryRun,
            refused: refused
        )
        if let country {
            guard let code = CallingCode.of(country: country) else {
                throw ValidationError("unknown country `\(country)`; --country takes a code of two letters, such as KE")
            }
            options.country = code
        }
        for entry in column {
            guard let sign = entry.lastIndex(of: "="), sign != entry.startIndex else {
                throw ValidationError("--column takes NAME=COLUMN, such as 'Phone=contactId', not `\(entry)`")
            }
            options.columns[String(entry[..<sign])] = String(entry[entry.index(after: sign)...])
        }
        return options
    }

    func validate() throws {
        guard (file == nil) != (fromSQL == nil) else {
            throw ValidationError("name either a file or --from-sql with --from-database")
        }
        guard (fromSQL == nil) == (fromDatabase == nil) else {
            throw ValidationError("--from-sql and --from-database need each other")
        }
        if let file, file == refused { throw ValidationError("--refused must not name the file that is imported") }
    }

    /// Runs `body` with the rows to import.
    private func withSource<Value: Sendable>(_ body: (ContactSource) async throws -> Value) async throws -> Value {
        guard let fromSQL, let fromDatabase else { return try await body(.file(file ?? "")) }
        var url = fromDatabase
        if fromDatabase.hasPrefix("env:") {
            let name = String(fromDatabase.dropFirst("env:".count))
            guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
                throw ValidationError("--from-database: the environment variable \(name) is not set")
            }
            url = value
        }
        let pool = PostgresPool(
            configuration: try PostgresConfiguration(
                url,
                variable: "--from-database",
                applicationName: Program.name
            ),
            maxConnections: 1,
            logger: .command()
        )
        let result: Result<Value, any Error>
        do {
            result = .success(try await ContactQuery.run(fromSQL, on: pool) { try await body(.query($0)) })
        } catch {
            result = .failure(error)
        }
        await pool.shutdown()
        return try result.get()
    }

    func run() async throws {
        let options = try options()
        let isTerminal = Terminal.areErrorsTerminal
        let bar = ImportProgressBar()
        let erasureKey = try Variables(database.environment).erasureKey()
        let report = try await database.withPool(of: [tenant]) { pool in
            let importer = ContactImporter(repository: ContactImportRepository(pool: pool, erasureKey: erasureKey))
            return try await withSource { source in
                try await importer.run(from: source, tenant: tenant, options: options, by: .commandLine) { progress in
                    if isTerminal { Terminal.complain("\r" + bar.line(progress)) }
                }
            }
        }
        let file = file ?? "the query"
        if isTerminal { Terminal.complain("\n") }
        for problem in report.problems { Terminal.complain("\(file): \(problem)\n") }
        for warning in report.warnings { Terminal.complain("\(file): warning: \(warning)\n") }
        let hidden = report.problemCount - report.problems.count
        if hidden > 0 { Terminal.complain("… and \(hidden.grouped) more\n") }
        output.write(report.json, text: report.summary)
        if report.rejected > 0 { throw ExitCode.failure }
    }
}

extension ImportReport {
    fileprivate var json: JSONValue {
        func list(_ problems: [RowProblem]) -> JSONValue { .array(problems.map { .string("\($0)") }) }
        return [
            "inserted": .integer(result.inserted), "updated": .integer(result.updated),
            "unchanged": .integer(result.unchanged), "rejected": .integer(rejected), "isDryRun": .bool(isDryRun),
            "problems": list(problems), "warnings": list(warnings),
        ]
    }
}

struct ContactsSampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Write made-up contacts as CSV to standard output.",
        discussion: """
            The same seed gives the same contacts; only the times when they were last seen depend on the day.

            Examples:
              campaignd contacts sample --count 1000 > contacts.csv
            """
    )

    @Option(help: "Number of contacts.")
    var count = 4_000

    @Option(help: "Seed of the random choices.")
    var seed: UInt64 = 1

    func validate() throws {
        guard (1...SampleContacts.maximumCount).contains(count) else {
            throw ValidationError("--count takes a number from 1 to \(SampleContacts.maximumCount).")
        }
    }

    func run() throws {
        var lines = ""
        for line in SampleContacts(count: count, seed: seed, now: Date()) {
            lines += line + "\n"
            guard lines.utf8.count > 1 << 16 else { continue }
            try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
            lines = ""
        }
        try FileHandle.standardOutput.write(contentsOf: Data(lines.utf8))
    }
}
