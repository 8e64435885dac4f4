public import ArgumentParser
import Foundation

/// The running command, as log lines, database connections and the history name it.
public enum Program {
    /// The version of all commands of this package.
    public static let version = "0.1.0"

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
