public import ArgumentParser
import CommandKit
import Foundation
public import Spec

struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Write the JSON Schema of specs, for editors.",
        discussion: """
            The schema goes to standard output, or with --into to a file in a folder. Commit it as \
            campaigns/.schema/\(SpecSchema.fileName(of: nil)); files that start with the line

              \(SpecSchema.modeline)

            are then completed and checked by every editor that supports yaml-language-server.

            Examples:
              reconcile schema --into campaigns/.schema
              reconcile schema --kind Campaign
            """
    )

    @Option(help: ArgumentHelp("Only this kind, such as Campaign; all by default.", valueName: "kind"))
    var kind: SpecKind?

    @Option(
        help: ArgumentHelp("Write the schema into this folder, which is created if needed.", valueName: "folder"),
        completion: .directory
    )
    var into: String?

    @Flag(help: "Write the reference of specs (docs/specs.md) instead, as Markdown.")
    var documentation = false

    func validate() throws {
        guard !documentation || (kind == nil && into == nil) else {
            throw ValidationError("--documentation takes neither --kind nor --into")
        }
    }

    func run() async throws {
        if documentation { return Terminal.write(SpecDocumentation.text) }
        guard let into else { return Terminal.write(SpecSchema.text(of: kind)) }
        let path = try SpecSchema.write(kind, into: URL(filePath: into, directoryHint: .isDirectory))
        Terminal.complain("wrote \(path)\n")
    }
}

extension SpecKind: ExpressibleByArgument {}

extension SpecSchema {
    /// Writes the schema of one kind, or of all, into a folder.
    ///
    /// - Returns: The path of the file.
    static func write(_ kind: SpecKind?, into folder: URL) throws -> String {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: fileName(of: kind))
        try Terminal.write(text(of: kind), to: file.path)
        return file.relativePath
    }
}
