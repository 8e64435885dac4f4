import ArgumentParser
import CommandKit
import Contacts
import Foundation
import Spec
import Spelling
import Store

struct ContactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contacts",
        abstract: "Work with contacts.",
        subcommands: [ContactsImportCommand.self, ContactsSampleCommand.self]
    )
}

struct ContactsImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import contacts from a CSV file.",
        discussion: """
            The first line names the columns: \(ContactColumn.importable.map(describe).joined(separator: ", ")), and \
            metadata.<key> for anything else. Contacts that exist are updated in the columns that the \
            file has. Invalid rows are reported with their line and skipped; the exit code is then 1.
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
    var file: String

    @Option(help: "Tenant of the contacts.")
    var tenant: String

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isTerminal = Terminal.areErrorsTerminal
        let bar = ImportProgressBar()
        let report = try await database.withPool { pool in
            let importer = ContactImporter(repository: ContactImportRepository(pool: pool))
            return try await importer.run(file: file, tenant: tenant) { progress in
                if isTerminal { Terminal.complain("\r" + bar.line(progress)) }
            }
        }
        if isTerminal { Terminal.complain("\n") }
        for problem in report.problems { Terminal.complain("\(file): \(problem)\n") }
        let hidden = report.problemCount - report.problems.count
        if hidden > 0 { Terminal.complain("… and \(hidden.grouped) more\n") }
        print(report.summary)
        if report.rejected > 0 { throw ExitCode.failure }
    }
}

struct ContactsSampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Write made-up contacts as CSV to standard output.",
        discussion: "The same seed gives the same contacts; only the times when they were last seen depend on the day."
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
