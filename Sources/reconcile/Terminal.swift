import ArgumentParser
import Foundation
import Glibc
import Logging
import Reconciler
import Spec

/// Standard output for results, standard error for everything else.
enum Terminal {
    static let logger: Logger = {
        var logger = Logger(label: "reconcile") { StreamLogHandler.standardError(label: $0) }
        // What goes wrong in the end is told as an error; retries on the way are not.
        logger.logLevel = .error
        return logger
    }()

    static var outputHasColour: Bool { hasColour(STDOUT_FILENO) }
    static var errorsHaveColour: Bool { hasColour(STDERR_FILENO) }

    /// Writes a result.
    static func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    /// Writes a result to a file.
    static func write(_ text: String, to path: String) throws {
        let url = URL(fileURLWithPath: path)
        let data = Data(text.utf8)
        // A file appears whole or not at all; a device such as /dev/null or a pipe must not be replaced by a file.
        guard isInPlace(path) else { return try data.write(to: url, options: .atomic) }
        let handle = try FileHandle(forWritingTo: url)
        try handle.write(contentsOf: data)
        try handle.close()
    }

    /// Whether a path leads to what is there already and is no file of its own, such as /dev/stdout.
    private static func isInPlace(_ path: String) -> Bool {
        if path.hasPrefix("/dev/") || path.hasPrefix("/proc/") { return true }
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// Shows what is wrong with specs.
    static func show(_ catalog: SpecCatalog) {
        guard !catalog.diagnostics.isEmpty else { return }
        let renderer = DiagnosticRenderer(sources: catalog.sources, usesColour: hasColour(STDERR_FILENO))
        complain(renderer.text(catalog.diagnostics) + "\n")
    }

    /// Runs a command and turns its errors into text and an exit code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch {
            for line in "\(error)".split(separator: "\n") { complain("error: \(line)\n") }
            throw exitCode(for: error)
        }
    }

    private static func exitCode(for error: any Error) -> ExitCode {
        switch error as? ReconcileError {
        case .refused: .refused
        case .staleDigest, .lockBusy: .tryAgain
        case .invalidSpecs, .unknownTenants, .conflicts, nil: .failure
        }
    }

    /// How review tools name files: from the root of the repository that a workflow has checked out.
    static var repositoryPaths: RepositoryPaths {
        guard let root = ProcessInfo.processInfo.environment["GITHUB_WORKSPACE"], root.hasPrefix("/") else {
            return RepositoryPaths()
        }
        return RepositoryPaths(root: root, workingDirectory: FileManager.default.currentDirectoryPath)
    }

    /// Writes something that is no result.
    static func complain(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// Replaces what would move the cursor or switch the colours of a terminal.
    static func harmless(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }
            )
        )
    }

    private static func hasColour(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    }
}
