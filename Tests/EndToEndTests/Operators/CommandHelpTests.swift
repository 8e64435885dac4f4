import ArgumentParser
import Foundation
import TestBed
import TestSupport
import Testing

@testable import campaignd
@testable import reconcile

/// The help of the commands, and their suggestions.
struct CommandHelpTests {
    /// A command and its path, such as `campaignd wallet show`.
    struct Entry: Sendable, CustomTestStringConvertible {
        let path: [String]
        let discussion: String
        let abstract: String

        var testDescription: String { path.joined(separator: " ") }
    }

    static let entries = entries(of: Campaignd.self, []) + entries(of: ReconcileCommand.self, [])

    private static func entries(of command: any ParsableCommand.Type, _ parents: [String]) -> [Entry] {
        let configuration = command.configuration
        let path = parents + [configuration.commandName ?? ""]
        var found = [Entry(path: path, discussion: configuration.discussion, abstract: configuration.abstract)]
        for subcommand in configuration.subcommands { found += entries(of: subcommand, path) }
        return found
    }

    @Test(arguments: entries) func everyCommandHasExamplesOfItself(entry: Entry) {
        #expect(!entry.abstract.isEmpty)
        let lines = entry.discussion.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let start = lines.firstIndex(of: "Examples:")
        let examples =
            start.map { lines[($0 + 1)...].prefix { $0.hasPrefix("\(entry.path[0]) ") || $0 == entry.path[0] } } ?? []
        #expect(!examples.isEmpty, "\(entry.discussion)")
        // The default command is called without its name.
        let name = entry.path.last == "apply" ? entry.path[0] : entry.path.joined(separator: " ")
        #expect(examples.contains { $0.hasPrefix(name) }, "\(examples)")
    }

    @Test func theHelpOfTheDaemonNamesItsVariables() throws {
        let document = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../../../docs/configuration.md"
            ),
            encoding: .utf8
        )
        let part = try #require(document.firstRange(of: "## The daemon").map { document[$0.lowerBound...] })
        let daemon = part.firstRange(of: "## Other commands").map { part[..<$0.lowerBound] } ?? part
        let documented = Set(daemon.matches(of: #/\n\| `([A-Z_]+)` \|/#).map { String($0.1) })
        #expect(Set(RunEnvironment.variables.map(\.name)) == documented)
        for variable in RunEnvironment.variables {
            #expect(!variable.meaning.isEmpty && !variable.fallback.isEmpty, "\(variable.name)")
        }
        #expect(RunEnvironment.text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test(arguments: ["campaignd", "reconcile"])
    func theHelpOfACommandNamesItsExitCodes(command: String) async throws {
        let outcome = try await Command.run(command, ["--help"])
        #expect(outcome.exitCode == 0)
        let text = outcome.output.replacing(#/\s+/#, with: " ")
        #expect(text.contains("Exit codes: 0 done") && text.contains("64 wrong usage"), "\(outcome.output)")
        if command == "reconcile" {
            for option in ["--dry-run", "--yes", "--tenant", "--format", "--expect-digest"] {
                #expect(text.contains(option), "\(option)")
            }
        }
    }

    @Test(arguments: [
        (["campaignd", "lsit"], "error: `campaignd` has no subcommand `lsit`; did you mean `list`?"),
        (["campaignd", "wallet", "shwo"], "error: `campaignd wallet` has no subcommand `shwo`; did you mean `show`?"),
        (["reconcile", "valdiate"], "error: `reconcile` has no subcommand `valdiate`; did you mean `validate`?"),
        (["campaignd", "list", "--tenat", "acme"], "error: Unknown option '--tenat'. Did you mean '--tenant'?"),
        (["reconcile", "--dry-rnu"], "error: Unknown option '--dry-rnu'. Did you mean '--dry-run'?"),
    ])
    func misspelledWordsHaveASuggestion(arguments: [String], message: String) async throws {
        let outcome = try await Command.run(arguments[0], Array(arguments.dropFirst()))
        #expect(outcome.exitCode == 64 && outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix(message), "\(outcome.errors)")
    }

    @Test func aWordThatIsNoSubcommandListsThem() async throws {
        let outcome = try await Command.run("campaignd", ["frobnicate"])
        #expect(outcome.exitCode == 64)
        #expect(outcome.errors.contains("`campaignd` has no subcommand `frobnicate`; the subcommands are "))
        #expect(outcome.errors.contains("`send`"), "\(outcome.errors)")
    }

    /// A wrong address is told at once, with its remedy, by every kind of command.
    @Test(.enabled(if: TestEnvironment.hasPostgres), arguments: [["list"], ["report", "acme/offer"], ["run"]])
    func aWrongDatabaseIsToldAtOnce(arguments: [String]) async throws {
        try await withDatabase { _, _, environment in
            var environment = environment
            var url = try #require(URLComponents(string: environment["DATABASE_URL"] ?? ""))
            url.path = "/no_such_database"
            environment["DATABASE_URL"] = url.string
            environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
            let start = ContinuousClock.now
            let outcome = try await Command.run("campaignd", arguments, environment: environment)
            #expect(outcome.exitCode == 1)
            #expect(outcome.errors.contains(#"error: no connection to postgres: "#), "\(outcome.errors)")
            #expect(outcome.errors.contains(#"database "no_such_database" does not exist; create the database"#))
            #expect(ContinuousClock.now - start < .seconds(8))
        }
    }
}
