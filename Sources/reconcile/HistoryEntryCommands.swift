import ArgumentParser
import CommandKit
import Foundation
import JSON
import Postgres
import Reconciler
import Spec
import Spelling
import Store

struct HistoryShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show what an entry of the history changed.",
        discussion: """
            Examples:
              reconcile history show 12
              reconcile history show 12 --full --format json
            """
    )

    @Argument(help: "The number of the entry, as `reconcile history` shows it.")
    var number: Int

    @Option(help: "Format: text, or json with the whole plan.")
    var format = OutputFormat.text

    @Flag(help: "Show the content of creates and deletes too, and all values in full.")
    var full = false

    @OptionGroup var colour: ColourOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let entry = try await HistoryEntry.find(number, in: database)
        switch format {
        case .json:
            var fields = entry.record.json.objectValue ?? [:]
            fields["plan"] = entry.plan
            Terminal.write(JSONValue.object(fields).canonicalText + "\n")
        case .text:
            let renderer = PlanTextRenderer(isFull: full, usesColour: colour.outputHasColour)
            Terminal.write("\(entry.record.line)\n\(renderer.text(entry))\nDigest: \(entry.record.digest)\n")
        }
    }
}

struct HistoryRevertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revert",
        abstract: "Write the specs as they were before an entry of the history; this applies nothing.",
        discussion: """
            Only documents of specs that the entry changed are replaced, added or removed. Review the folder, for example \
            with git diff, and apply it with `reconcile` like any other change. Nothing is written if one of the specs was \
            changed since, unless --force is given. Files that the specs named, and that are not in the folder, are written \
            to `media` beside them; with --patch they are only listed.

            Examples:
              reconcile history revert 12
              reconcile history revert 12 --patch | git apply
            """
    )

    @Argument(help: "The number of the entry, as `reconcile history` shows it.")
    var number: Int

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @Flag(help: "Write a patch to standard output, for `git apply`, and change no file.")
    var patch = false

    @Flag(help: "Also replace specs that were changed since.")
    var force = false

    @OptionGroup var environment: EnvironmentOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await database.withPool { pool in
            guard let entry = try await HistoryEntry.read(number, pool: pool) else {
                throw HistoryError.unknown(number)
            }
            try await revert(entry, MediaRepository(pool: pool))
        }
    }

    private func revert(_ entry: HistoryEntry, _ stored: MediaRepository) async throws {
        let catalog = await BlockingWork.run { [path, name = environment.selected] in
            SpecCatalog.load(directory: path, environment: name)
        }
        guard catalog.isValid else {
            throw RevertProblem.invalid(errors: catalog.diagnostics.count { $0.severity == .error }, path: path)
        }
        let root = URL(filePath: path, directoryHint: .isDirectory)
        let types = try await stored.types(ofTenants: entry.tenants)
        let reversal = try SpecReversal(of: entry, in: catalog, root: path, types: types) { file in
            let url = root.appending(path: file)
            guard FileManager.default.fileExists(atPath: url.path) else { return nil }
            return try String(contentsOf: url, encoding: .utf8)
        }
        guard force || reversal.conflicts.isEmpty else { throw RevertProblem.conflicts(reversal.conflicts) }
        for conflict in reversal.conflicts { Terminal.complain("warning: \(Terminal.harmless(conflict)): replaced\n") }
        for spec in reversal.commented { Terminal.complain("warning: the comments of \(spec) are not kept\n") }
        for spec in reversal.valued {
            Terminal.complain("warning: \(spec) has values of the environment now; put `${…}` in their places\n")
        }
        guard !reversal.edits.isEmpty else {
            return Terminal.complain("All specs are as they were before entry \(number).\n")
        }
        if patch {
            for edit in reversal.edits {
                Terminal.write(UnifiedPatch.text(path: patchPath(edit.path), from: edit.before, to: edit.after))
            }
            for medium in reversal.media {
                Terminal.complain(
                    "warning: the patch names \(patchPath(medium.path)), which is not in the folder; `reconcile history revert "
                        + "\(number)` without --patch writes it\n"
                )
            }
            return
        }
        // Specs without their files are not valid, and a second call reads the specs, so the files come first.
        for medium in reversal.media { try await write(medium, to: root.appending(path: medium.path), stored) }
        for edit in reversal.edits { try write(edit, to: root.appending(path: edit.path)) }
        Terminal.complain("Nothing was applied: review the files, then run `reconcile --dry-run`.\n")
    }

    private func write(_ medium: Exporter.Medium, to url: URL, _ stored: MediaRepository) async throws {
        guard let bytes = try await stored.bytes(of: medium.key)?.bytes else {
            return Terminal.complain("warning: \(url.relativePath) is not stored any more; put the file there\n")
        }
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        Terminal.complain("wrote \(url.relativePath)\n")
    }

    /// Replaces a file as a whole, so that a second call can finish what an interrupted one began.
    private func write(_ edit: SpecReversal.FileEdit, to url: URL) throws {
        guard let text = edit.after else {
            try FileManager.default.removeItem(at: url)
            return Terminal.complain("removed \(url.relativePath)\n")
        }
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Terminal.write(text, to: url.path)
        Terminal.complain("wrote \(url.relativePath)\n")
    }

    /// Names a file from the working directory, or else from the folder of the specs.
    private func patchPath(_ file: String) -> String {
        let directory = FileManager.default.currentDirectoryPath
        let full = URL(filePath: path, directoryHint: .isDirectory).appending(path: file).standardizedFileURL.path
        return full.hasPrefix(directory + "/") ? String(full.dropFirst(directory.count + 1)) : file
    }
}

/// The reason why no spec was written.
private enum RevertProblem: Error, CustomStringConvertible {
    case invalid(errors: Int, path: String)
    case conflicts([String])

    var description: String {
        switch self {
        case .invalid(let errors, let path):
            "the specs have \(NumberText.count(errors, "error")); fix them first, see `reconcile validate \(path)`"
        case .conflicts(let conflicts):
            (conflicts.map { "\($0)" } + ["nothing was written; --force replaces these specs too"]).joined(
                separator: "\n"
            )
        }
    }
}

extension HistoryEntry {
    /// Reads an entry.
    ///
    /// - Throws: `HistoryError.unknown` if there is none.
    fileprivate static func find(_ number: Int, in database: DatabaseOptions) async throws -> HistoryEntry {
        let found = try await database.withPool { pool in try await HistoryEntry.read(number, pool: pool) }
        guard let found else { throw HistoryError.unknown(number) }
        return found
    }
}
