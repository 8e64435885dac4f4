public import ArgumentParser
import Foundation
import Spelling

/// The running command, as log lines, database connections and the history name it.
public enum Program {
    /// The version of all commands of this package.
    public static let version = "0.1.0"

    /// The commit of the sources: `git archive` and the builds of releases fill it in; `unknown` in a checkout.
    public static let commit: String = {
        let text = "$Format:%H$"
        return text.hasPrefix("$") ? "unknown" : text
    }()

    /// The file name of the executable: `reconcile` or `campaignd`.
    public static let name = ProcessInfo.processInfo.processName
}

extension AsyncParsableCommand {
    /// Parses the command line, runs the command that it names, and exits when that fails.
    ///
    /// An error goes to standard error, each of its lines after `error: `. Wrong usage, which is found before anything
    /// runs, also shows the usage and exits with 64.
    ///
    /// - Parameters:
    ///   - arguments: The arguments; `nil` takes those of the process.
    ///   - exitCode: The exit code for an error of a command; 1 for all by default.
    public static func launch(
        arguments: [String]? = nil,
        exitCode: (any Error) -> ExitCode = { _ in .failure }
    ) async {
        do {
            try checkSubcommands((arguments ?? Array(CommandLine.arguments.dropFirst()))[...])
            let command = try await asyncParseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
        } catch {
            let usual = Self.exitCode(for: error)
            // Help, the version, completion scripts, and commands that have reported their failure themselves.
            if error is ExitCode || usual == .success { exit(withError: error) }
            if usual == .validationFailure {
                let text = fullMessage(for: error)
                let prefix = "Error: "
                Terminal.complain("error: \(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)\n")
                exit(withError: usual)
            }
            Terminal.report(error)
            exit(withError: exitCode(error))
        }
    }
}

extension ParsableCommand {
    /// Checks the names of subcommands, which the parser would take for unexpected arguments.
    ///
    /// A command with a default subcommand may take other words: there, a word is refused only if no file has that name
    /// and a subcommand has nearly that one.
    ///
    /// - Parameter arguments: The command line without the name of the program.
    /// - Throws: `ValidationError` with a suggestion.
    static func checkSubcommands(_ arguments: some Sequence<String>) throws {
        var command: any ParsableCommand.Type = Self.self
        var path = Self.configuration.commandName ?? ""
        for word in arguments {
            let configuration = command.configuration
            guard !configuration.subcommands.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
            let names = configuration.subcommands.flatMap { subcommand -> [String] in
                [subcommand.configuration.commandName ?? ""] + subcommand.configuration.aliases
            }
            let next = configuration.subcommands.first { subcommand in
                subcommand.configuration.commandName == word || subcommand.configuration.aliases.contains(word)
            }
            guard let next else {
                let near = SpellingSuggestion.candidates(for: word, among: names)
                if configuration.defaultSubcommand != nil {
                    guard !near.isEmpty, !FileManager.default.fileExists(atPath: word) else { return }
                }
                let help =
                    near.isEmpty
                    ? "the subcommands are \(SpellingSuggestion.list(names, "and"))"
                    : "did you mean \(SpellingSuggestion.list(near, "or"))?"
                throw ValidationError("`\(path)` has no subcommand `\(Terminal.harmless(word))`; \(help)")
            }
            command = next
            path += " \(word)"
        }
    }
}
