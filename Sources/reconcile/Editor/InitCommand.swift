import ArgumentParser
import Foundation
import Spec

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a first folder of specs for a tenant."
    )

    @Argument(help: "The name of the tenant: lower-case letters, digits and hyphens.")
    var tenant: String

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    func validate() throws {
        guard SpecIdentity.isSlug(tenant) else {
            throw ValidationError(
                "`\(tenant)` is not a name: use 1 to 63 lower-case letters, digits and hyphens, first no hyphen."
            )
        }
    }

    func run() async throws {
        try await Terminal.reporting {
            let root = URL(filePath: path, directoryHint: .isDirectory)
            for path in try StarterFolder(tenant: tenant).write(below: root) { Terminal.complain("wrote \(path)\n") }
            Terminal.write("Next: fill in sender.yaml, and run `reconcile validate\(argument)`.\n")
        }
    }

    private var argument: String { path == "campaigns" ? "" : " \(path)" }
}
