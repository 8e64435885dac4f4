import ArgumentParser
import Foundation
import Spec
import Store

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show what was applied: when, by whom, from which commit."
    )

    @Option(help: "Only what changed something of this tenant.")
    var tenant: String?

    @Option(help: "How many entries, the latest first.")
    var limit = 20

    @Option(help: "How to write them: text or json.")
    var format = RecordFormat.text

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000.") }
    }

    func run() async throws {
        try await Terminal.reporting {
            let records = try await database.withPool { pool in
                try await HistoryRepository().list(limit: limit, tenant: tenant, pool: pool)
            }
            switch format {
            case .json: Terminal.write(JSONValue.array(records.map(\.json)).canonicalText + "\n")
            case .text: Terminal.write(records.isEmpty ? "Nothing was applied yet.\n" : text(records))
            }
        }
    }

    private func text(_ records: [HistoryRepository.Record]) -> String {
        records.map { record in
            let commit = record.gitCommit.map { "commit \($0.prefix(12))" } ?? "no commit"
            let counts = "+\(record.creates) ~\(record.updates) -\(record.deletes)"
            return "\(record.id)  \(record.appliedAt.formatted(Date.ISO8601FormatStyle()))  \(counts)  "
                + "by \(Terminal.harmless(record.actor)), \(Terminal.harmless(commit))\n    \(record.digest)\n"
        }
        .joined()
    }
}

/// How commands write lists.
enum RecordFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

extension HistoryRepository.Record {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [
            "id": .integer(id),
            "appliedAt": .string(appliedAt.formatted(Date.ISO8601FormatStyle())),
            "digest": .string(digest),
            "actor": .string(actor),
            "creates": .integer(creates),
            "updates": .integer(updates),
            "deletes": .integer(deletes),
            "toolVersion": .string(toolVersion),
        ]
        fields["gitCommit"] = gitCommit.map(JSONValue.string)
        return .object(fields)
    }
}
