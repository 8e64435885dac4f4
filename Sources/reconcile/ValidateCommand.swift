import ArgumentParser
import Spec

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check the specs without a database."
    )

    @Argument(help: "The folder with one folder of specs for each tenant.")
    var path = "campaigns"

    @Option(help: "How to write the findings: text or json.")
    var format = OutputFormat.text

    func run() async throws {
        let catalog = await CatalogSource.load(path)
        switch format {
        case .json:
            Terminal.write(DiagnosticRenderer.json(catalog.diagnostics).canonicalText + "\n")
        case .text:
            let renderer = DiagnosticRenderer(sources: catalog.sources, usesColour: Terminal.outputHasColour)
            if !catalog.diagnostics.isEmpty { Terminal.write(renderer.text(catalog.diagnostics) + "\n") }
            Terminal.write(summary(catalog) + "\n")
        }
        if !catalog.isValid { throw ExitCode.failure }
    }

    private func summary(_ catalog: SpecCatalog) -> String {
        let errors = catalog.diagnostics.count { $0.severity == .error }
        let warnings = catalog.diagnostics.count - errors
        var parts = [count(catalog.specs.count, "spec"), "of \(count(catalog.tenants.count, "tenant"))"]
        parts.append("with \(count(errors, "error")) and \(count(warnings, "warning"))")
        return parts.joined(separator: " ") + "."
    }

    private func count(_ number: Int, _ word: String) -> String {
        "\(number) \(word)\(number == 1 ? "" : "s")"
    }
}
