import ArgumentParser
import CommandKit
import Foundation
import JSON
import Spec
import Spelling
import Store

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show applied and failed reconciles, what one of them changed, and how specs were before it.",
        discussion: """
            Examples:
              reconcile history --tenant acme --limit 5
              reconcile history show 12
              reconcile history revert 12
            """,
        subcommands: [HistoryListCommand.self, HistoryShowCommand.self, HistoryRevertCommand.self],
        defaultSubcommand: HistoryListCommand.self
    )
}

struct HistoryListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List reconciles: when, by whom, from which commit (the default).",
        discussion: """
            Examples:
              reconcile history list --tenant acme --limit 5
              reconcile history list --format json
            """
    )

    @Option(help: "Show only reconciles that changed this tenant.")
    var tenant: String?

    @Option(help: "Number of entries, latest first.")
    var limit = 20

    @Option(help: "Format: text or json.")
    var format = OutputFormat.text

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes a number from 1 to 10000.") }
    }

    func run() async throws {
        let entries = try await entries().sorted { $0.date > $1.date }.prefix(limit)
        switch format {
        case .json: Terminal.write(JSONValue.array(entries.map(\.json)).canonicalText + "\n")
        case .text:
            Terminal.write(entries.isEmpty ? "Nothing was applied yet.\n" : entries.map(\.text).joined())
        }
    }

    /// One applied or failed reconcile, in both formats.
    private struct Entry {
        let date: Date
        let text: String
        let json: JSONValue
    }

    private func entries() async throws -> [Entry] {
        try await database.withPool(of: [tenant]) { pool in
            let records = try await HistoryRepository().list(limit: limit, tenant: tenant, pool: pool)
            let applied = records.map { Entry(date: $0.appliedAt, text: text($0), json: $0.json) }
            // A failed reconcile changed nothing, so it belongs to no tenant.
            guard tenant == nil else { return applied }
            let failures = try await AttemptRepository(pool: pool).list(limit: limit)
            return applied + failures.map { Entry(date: $0.lastAt, text: text($0), json: $0.json) }
        }
    }

    private func text(_ record: HistoryRepository.Record) -> String {
        record.line + "    \(record.digest)\n"
            + record.allowances.map { "    allowed \(Terminal.harmless("\($0.flag): \($0.message)"))\n" }.joined()
    }

    private func text(_ failure: AttemptRepository.Record) -> String {
        let times = failure.count == 1 ? "" : ", \(failure.count.grouped) times since \(instant(failure.firstAt))"
        let healed = failure.healedAt.map { ", resolved \(instant($0))" } ?? ""
        let reason = failure.reason.split(separator: "\n").map { "    \(Terminal.harmless(String($0)))\n" }.joined()
        return "-  \(instant(failure.lastAt))  nothing changed: \(failure.outcome)  "
            + "by \(Terminal.harmless(failure.actor)), \(commit(failure.gitCommit))\(times)\(healed)\n\(reason)"
    }

    private func commit(_ commit: String?) -> String { HistoryRepository.Record.commit(commit) }

    private func instant(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle()) }
}

extension HistoryRepository.Record {
    /// The entry on one line: number, time, counts, actor and commit.
    var line: String {
        let counts = "+\(creates) ~\(updates) -\(deletes)"
        return "\(id)  \(appliedAt.formatted(Date.ISO8601FormatStyle()))  \(counts)  "
            + "by \(Terminal.harmless(actor)), \(Self.commit(gitCommit))\n"
    }

    fileprivate static func commit(_ commit: String?) -> String {
        commit.map { "commit \(Terminal.harmless(String($0.prefix(12))))" } ?? "no commit"
    }

    var json: JSONValue {
        var fields: [String: JSONValue] = [
            "id": .integer(id),
            "outcome": "applied",
            "appliedAt": .string(appliedAt.formatted(Date.ISO8601FormatStyle())),
            "digest": .string(digest),
            "actor": .string(actor),
            "creates": .integer(creates),
            "updates": .integer(updates),
            "deletes": .integer(deletes),
            "toolVersion": .string(toolVersion),
        ]
        fields["gitCommit"] = gitCommit.map(JSONValue.string)
        if !allowances.isEmpty {
            fields["allowances"] = .array(
                allowances.map {
                    ["code": .string($0.code), "message": .string($0.message), "flag": .string($0.flag)]
                }
            )
        }
        return .object(fields)
    }
}

extension AttemptRepository.Record {
    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [
            "outcome": .string(outcome),
            "reason": .string(reason),
            "actor": .string(actor),
            "attempts": .integer(count),
            "firstAttemptedAt": .string(firstAt.formatted(Date.ISO8601FormatStyle())),
            "lastAttemptedAt": .string(lastAt.formatted(Date.ISO8601FormatStyle())),
        ]
        fields["gitCommit"] = gitCommit.map(JSONValue.string)
        fields["healedAt"] = healedAt.map { .string($0.formatted(Date.ISO8601FormatStyle())) }
        return .object(fields)
    }
}
