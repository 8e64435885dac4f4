import ArgumentParser
import Contacts
import Foundation
import Logging
import Runtime
import Spec
import Store

struct ContactsImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import contacts from a CSV file.",
        discussion: """
            The first line names the columns: \(ContactColumn.importable.map(describe).joined(separator: ", ")), and \
            metadata.<key> for anything else. Contacts that exist are updated in the columns that the \
            file has. Bad rows are reported by line and left out; then the exit code is 1.
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

    @Option(help: "Tenant whose contacts they are.")
    var tenant: String

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let isTerminal = isatty(STDERR_FILENO) == 1
        let bar = ImportProgressBar()
        let report = try await database.withPool(logger: .command()) { pool in
            let importer = ContactImporter(repository: ContactImportRepository(pool: pool))
            return try await importer.run(file: file, tenant: tenant) { progress in
                if isTerminal { writeError("\r" + bar.line(progress)) }
            }
        }
        if isTerminal { writeError("\n") }
        for problem in report.problems { writeError("\(file): \(problem)\n") }
        let hidden = report.problemCount - report.problems.count
        if hidden > 0 { writeError("… and \(hidden) more\n") }
        print(report.summary)
        if report.rejected > 0 { throw ExitCode.failure }
    }

    private func writeError(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
