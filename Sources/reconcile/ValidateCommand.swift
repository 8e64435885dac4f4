import ArgumentParser
import CommandKit
import JSON
import Reconciler
import Spec
import Spelling

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check the specs without a database, by default with the values of each environment.",
        discussion: """
            Examples:
              reconcile validate
              reconcile validate campaigns --deny warnings --format github
            """
    )

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @OptionGroup var environment: EnvironmentOptions

    @Option(help: "Format of the diagnostics: text, json, github or sarif.")
    var format = DiagnosticFormat.text

    @Flag(help: "Correct the mistakes that have only one remedy, each file as a whole, then check the specs.")
    var fix = false

    @OptionGroup var colour: ColourOptions
    @OptionGroup(title: "Diagnostics") var diagnostics: DiagnosticOptions

    func run() async throws {
        if fix { try await applyFixes() }
        let catalog = await ProgressNotice.watching("reading the specs") { [path, name = environment.selected] in
            await BlockingWork.run {
                guard let name else { return SpecCatalog.loadForAllEnvironments(directory: path) }
                return SpecCatalog.load(directory: path, environment: name)
            }
        }
        let found = diagnostics.policy.apply(to: catalog.diagnostics)
        let errors = found.count { $0.severity == .error }
        let renderer = DiagnosticRenderer(
            sources: catalog.sources,
            usesColour: colour.outputHasColour,
            paths: GitHubWorkflow.repositoryPaths
        )
        switch format {
        case .json: Terminal.write(DiagnosticRenderer.json(found).canonicalText + "\n")
        case .sarif: Terminal.write(renderer.sarif(found, toolVersion: Program.version).canonicalText + "\n")
        case .github:
            let report = renderer.github(found)
            Terminal.write(report.annotations)
            try GitHubWorkflow.addSummary(report.stepSummary)
            try GitHubWorkflow.addOutputs(report.outputs)
        case .text:
            if !found.isEmpty {
                let text = renderer.text(found, maximum: diagnostics.maxErrors)
                Terminal.write("\(text)\n\(DiagnosticRenderer.closing(found))\n")
            }
            Terminal.write(
                "\(NumberText.count(catalog.specs.count, "spec")) of \(NumberText.count(catalog.tenants.count, "tenant")) "
                    + "with \(NumberText.count(errors, "error")) "
                    + "and \(NumberText.count(found.count - errors, "warning")).\n"
            )
        }
        if errors > 0 { throw ExitCode.failure }
    }

    private func applyFixes() async throws {
        let files = try await BlockingWork.run { [path] in Result { try SpecFixer.fix(directory: path) } }.get()
        for file in files {
            let count = NumberText.count(file.fixes.count, "mistake")
            Terminal.complain("corrected \(count) in \(Terminal.harmless(file.path)):\n")
            for fix in file.fixes { Terminal.complain("  \(Terminal.harmless(fix))\n") }
        }
    }
}

/// A format of diagnostics.
enum DiagnosticFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, github, sarif
}
