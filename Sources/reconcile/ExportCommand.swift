import ArgumentParser
import CommandKit
import Foundation
import JSON
import Logging
import Reconciler
import Spec

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the rows of the database as specs, or as a snapshot to plan against.",
        discussion: """
            With a folder, each spec is written to the file that it came from, and rows that no spec manages to \
            unmanaged.yaml; `reconcile --adopt` then takes them over unchanged. Files that specs name, such as images, \
            are written to `media` beside them. Without a folder, all specs go to standard output, without such files. With --state, a snapshot of all tenants is written, for `reconcile --state`.

            Examples:
              reconcile export --tenant acme campaigns
              reconcile export --state snapshot.json
            """
    )

    @Option(help: "Tenant of the specs.")
    var tenant: String?

    @Argument(
        help: "The folder with one folder of specs for each tenant; standard output by default.",
        completion: .directory
    )
    var directory: String?

    @Option(
        help: ArgumentHelp("Write a snapshot of the whole database to this file instead.", valueName: "file"),
        completion: .file(extensions: ["json"])
    )
    var state: String?

    @Flag(help: "Replace files that exist.")
    var force = false

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (tenant == nil) != (state == nil) else {
            throw ValidationError("Give either --tenant, for specs, or --state, for a snapshot.")
        }
        guard state == nil || directory == nil else {
            throw ValidationError("--state writes a file, so it takes no folder.")
        }
    }

    func run() async throws {
        if let state {
            let snapshot = try await database.withPool(of: [tenant]) { pool in
                try await StateSnapshot.take(pool: pool, logger: .command())
            }
            try Terminal.write(snapshot.json.canonicalText + "\n", to: state)
        } else if let tenant {
            try await database.withPool(of: [tenant]) { pool in
                let exporter = Exporter(pool: pool, logger: .command())
                let export = try await exporter.export(tenant: tenant)
                for line in export.skipped + export.outdated { Terminal.complain("warning: \(line)\n") }
                guard !export.files.isEmpty else { throw ExportProblem.nothing(tenant: tenant) }
                try write(export.files)
                try await write(export.media, from: exporter)
            }
        }
    }

    private func write(_ files: [Exporter.File]) throws {
        guard let directory else {
            let texts = files.map { "# \(Terminal.harmless($0.path))\n\($0.text)" }
            return Terminal.write(texts.joined(separator: "---\n"))
        }
        let root = URL(filePath: directory, directoryHint: .isDirectory)
        let targets = files.map { (file: $0, url: root.appending(path: $0.path)) }
        // Paths come from rows, which must not be able to name a file outside of the folder.
        if let outside = files.first(where: { !ExportPath.isInside($0.path) }) {
            throw ExportProblem.outside(outside.path)
        }
        if !force, let existing = targets.first(where: { FileManager.default.fileExists(atPath: $0.url.path) }) {
            throw ExportProblem.exists(existing.url.relativePath)
        }
        for (file, url) in targets {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Terminal.write(file.text, to: url.path)
            Terminal.complain("wrote \(url.relativePath)\n")
        }
    }
}

extension ExportCommand {
    /// Writes the files that specs name, each after the other; one that is there has the same content by its name.
    private func write(_ media: [Exporter.Medium], from exporter: Exporter) async throws {
        guard let directory else {
            if !media.isEmpty {
                Terminal.complain("warning: give a folder to get the \(media.count) files that specs name\n")
            }
            return
        }
        for medium in media {
            let url = URL(filePath: directory, directoryHint: .isDirectory).appending(path: medium.path)
            guard let bytes = try await exporter.bytes(of: medium) else {
                Terminal.complain("warning: \(url.relativePath) is not stored any more\n")
                continue
            }
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: url)
            Terminal.complain("wrote \(url.relativePath)\n")
        }
    }
}

/// The reason why nothing was exported.
private enum ExportProblem: Error, CustomStringConvertible {
    case nothing(tenant: String)
    case exists(String)
    case outside(String)

    var description: String {
        switch self {
        case .nothing(let tenant): "tenant `\(tenant)` has no rows"
        case .exists(let path): "\(path) already exists; nothing was written (--force replaces it)"
        case .outside(let path): "a row says that it comes from `\(path)`, which is outside of the folder"
        }
    }
}
