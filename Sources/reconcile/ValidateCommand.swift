import ArgumentParser
import JSON
import Spec

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check the specs without a database."
    )

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @Option(help: "How to write the findings: text, json, github or sarif.")
    var format = FindingsFormat.text

    @OptionGroup(title: "Diagnostics") var diagnostics: DiagnosticOptions

    func run() async throws {
        try await Terminal.reporting {
            let catalog = await Progress.watching("reading the specs") { await CatalogSource.load(path) }
            let found = diagnostics.policy.apply(to: catalog.diagnostics)
            let errors = found.count { $0.severity == .error }
            let renderer = DiagnosticRenderer(
                sources: catalog.sources,
                usesColour: Terminal.outputHasColour,
                paths: Terminal.repositoryPaths
            )
            switch format {
            case .json:
                Terminal.write(DiagnosticRenderer.json(found).canonicalText + "\n")
            case .sarif:
                let log = renderer.sarif(found, toolVersion: ReconcileCommand.toolVersion)
                Terminal.write(log.canonicalText + "\n")
            case .github:
                let report = renderer.github(found)
                Terminal.write(report.annotations)
                try GitHubFiles.addSummary(report.stepSummary)
                try GitHubFiles.addOutputs(report.outputs)
            case .text:
                if !found.isEmpty { Terminal.write(renderer.text(found, maximum: diagnostics.maxErrors) + "\n") }
                Terminal.write(summary(catalog, errors: errors, warnings: found.count - errors) + "\n")
            }
            if errors > 0 { throw ExitCode.failure }
        }
    }

    private func summary(_ catalog: SpecCatalog, errors: Int, warnings: Int) -> String {
        var parts = [count(catalog.specs.count, "spec"), "of \(count(catalog.tenants.count, "tenant"))"]
        parts.append("with \(count(errors, "error")) and \(count(warnings, "warning"))")
        return parts.joined(separator: " ") + "."
    }

    private func count(_ number: Int, _ word: String) -> String {
        "\(number) \(word)\(number == 1 ? "" : "s")"
    }
}

/// How findings are written.
enum FindingsFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, github, sarif
}
