public import ArgumentParser
import Foundation
public import Spec

struct SchemaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Write the JSON Schema of specs, for editors.",
        discussion: """
            The schema goes to standard output, or with --into to a file of a folder. Commit it as \
            campaigns/.schema/\(SpecSchema.fileName(of: nil)); files that start with the line

              \(SpecSchema.modeline)

            are then completed and checked by every editor that knows yaml-language-server.
            """
    )

    @Option(help: ArgumentHelp("Only one kind, such as Campaign; all by default.", valueName: "kind"))
    var kind: SpecKind?

    @Option(
        help: ArgumentHelp("Write it into this folder, and make the folder if need be.", valueName: "folder"),
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
        try await Terminal.reporting {
            if documentation { return Terminal.write(SpecDocumentation.text) }
            guard let into else { return Terminal.write(SpecSchema.text(of: kind)) }
            let path = try StarterFolder.writeSchema(of: kind, into: URL(filePath: into, directoryHint: .isDirectory))
            Terminal.complain("wrote \(path)\n")
        }
    }
}

extension SpecKind: ExpressibleByArgument {}
