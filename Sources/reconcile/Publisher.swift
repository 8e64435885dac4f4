import JSON
import Reconciler
import Spec

/// Writes what a call of the command found and did, in the form that was asked for.
struct Publisher {
    let format: PlanFormat
    let isFull: Bool
    let jsonFile: String?
    let markdownFile: String?
    let maximumErrors: Int
    let sources: [String: String]

    /// Shows people on standard error what is wrong with the specs; other formats have it among their results.
    func complain(of diagnostics: [Diagnostic]) {
        guard !diagnostics.isEmpty, format == .text || format == .markdown || format == .json else { return }
        Terminal.complain(
            DiagnosticRenderer(sources: sources, usesColour: Terminal.errorsHaveColour)
                .text(diagnostics, maximum: maximumErrors)
        )
    }

    /// Shows people a plan before it is applied.
    func show(_ plan: Plan) {
        guard format == .text else { return }
        Terminal.write(PlanTextRenderer(isFull: isFull, usesColour: Terminal.outputHasColour).text(plan))
    }

    /// Writes the end of it.
    func publish(_ report: PlanReport) throws {
        let json = report.json.canonicalText + "\n"
        if let jsonFile { try Terminal.write(json, to: jsonFile) }
        if let markdownFile { try Terminal.write(markdown(report), to: markdownFile) }
        switch format {
        case .text:
            if let plan = report.plan, let id = report.historyID {
                let counts = "\(plan.creates) created, \(plan.updates) updated, \(plan.deletes) deleted"
                Terminal.write("Applied: \(counts) (history \(id)).\n")
            }
        case .json: Terminal.write(json)
        case .markdown: Terminal.write(markdown(report))
        case .sarif:
            let renderer = DiagnosticRenderer(sources: sources, paths: Terminal.repositoryPaths)
            Terminal.write(
                renderer.sarif(report.diagnostics, toolVersion: ReconcileCommand.toolVersion).canonicalText + "\n"
            )
        case .github:
            let findings = DiagnosticRenderer(sources: sources, paths: Terminal.repositoryPaths)
                .github(report.diagnostics)
            Terminal.write(findings.annotations)
            try GitHubFiles.addSummary(heading(report) + findings.stepSummary)
            try GitHubFiles.addOutputs(findings.outputs + report.outputs)
        }
    }

    /// A comment on a pull request; where there is no plan, it says why.
    private func markdown(_ report: PlanReport) -> String {
        guard report.plan == nil else { return heading(report) }
        let heading = heading(report) + "\n"
        let renderer = DiagnosticRenderer(sources: sources, paths: Terminal.repositoryPaths)
        return heading
            + renderer.markdown(report.diagnostics, limit: PlanMarkdownRenderer.commentLimit - heading.utf8.count)
    }

    private func heading(_ report: PlanReport) -> String {
        if let plan = report.plan { return PlanMarkdownRenderer().text(plan, refusals: report.refusals) }
        let errors = report.diagnostics.count { $0.severity == .error }
        return errors == 0
            ? "### Campaigns: the specs are valid\n"
            : "### Campaigns: \(errors) error\(errors == 1 ? "" : "s")\n\nNothing was planned or changed.\n"
    }
}
