import ArgumentParser
import CommandKit
import Foundation
import JSON
import Reconciler
import Spec
import Spelling

/// A format of plans.
enum PlanFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, markdown, github, sarif
}

/// The findings and results of one `reconcile`.
struct PlanReport {
    var plan: Plan?
    var refusals: [SafetyRefusal] = []
    /// The limits beyond policies that are stored with the plan.
    var allowed: [PolicyGrant] = []
    var diagnostics: [Diagnostic] = []
    /// The id of the history entry; `nil` if nothing was applied.
    var historyID: Int?

    /// Returns the fields of the plan, and beside them the result.
    func json(isFull: Bool) -> JSONValue {
        var object = plan?.reviewJSON(isFull: isFull).objectValue ?? ["formatVersion": .integer(Plan.formatVersion)]
        object["refusals"] = .array(refusals.map(\.json))
        object["allowedPolicies"] = allowed.isEmpty ? nil : .array(allowed.map { .string("\($0)") })
        object["isApplied"] = .bool(historyID != nil)
        object["historyId"] = historyID.map(JSONValue.integer)
        object["diagnostics"] = DiagnosticRenderer.json(diagnostics)["diagnostics"]
        return .object(object)
    }

    /// The output variables of a workflow step.
    var outputs: [(name: String, value: String)] {
        guard let plan else { return [] }
        return [
            ("digest", plan.digest),
            ("changes", plan.isEmpty ? "false" : "true"),
            ("creates", String(plan.creates)),
            ("updates", String(plan.updates)),
            ("deletes", String(plan.deletes)),
            ("blocked", refusals.isEmpty ? "false" : "true"),
            ("applied", historyID == nil ? "false" : "true"),
        ]
    }
}

/// Writes plans and diagnostics in the chosen format.
struct PlanOutput: Sendable {
    struct Options: Sendable {
        let format: PlanFormat
        let isFull: Bool
        let jsonFile: String?
        let markdownFile: String?
        let colour: ColourOptions
        let maximumErrors: Int
    }

    let options: Options
    let sources: [String: String]

    /// Writes the diagnostics to standard error, for formats with a result that does not contain them.
    func complain(of diagnostics: [Diagnostic]) {
        guard !diagnostics.isEmpty, [.text, .markdown, .json].contains(options.format) else { return }
        Terminal.complain(
            DiagnosticRenderer(sources: sources, usesColour: options.colour.errorsHaveColour)
                .text(diagnostics, maximum: options.maximumErrors)
                + "\n" + DiagnosticRenderer.closing(diagnostics)
        )
    }

    /// Writes a plan as text before it is applied.
    func show(_ plan: Plan) {
        guard options.format == .text else { return }
        Terminal.write(PlanTextRenderer(isFull: options.isFull, usesColour: options.colour.outputHasColour).text(plan))
    }

    /// Writes the result.
    func publish(_ report: PlanReport) throws {
        let json = report.json(isFull: options.isFull).canonicalText + "\n"
        if let file = options.jsonFile { try Terminal.write(json, to: file) }
        if let file = options.markdownFile { try Terminal.write(markdown(report), to: file) }
        let renderer = DiagnosticRenderer(sources: sources, paths: GitHubWorkflow.repositoryPaths)
        switch options.format {
        case .text:
            for limit in report.allowed where report.refusals.isEmpty {
                Terminal.write("\(report.historyID == nil ? "To be allowed" : "Allowed"): \(limit)\n")
            }
            if let plan = report.plan, let id = report.historyID {
                let counts = "\(plan.creates.grouped) created, \((plan.updates - plan.inherited).grouped) updated"
                let heirs = plan.inherited > 0 ? ", \(plan.inherited.grouped) by inheritance" : ""
                Terminal.write("Applied: \(counts), \(plan.deletes.grouped) deleted\(heirs) (history \(id)).\n")
            }
        case .json: Terminal.write(json)
        case .markdown: Terminal.write(markdown(report))
        case .sarif:
            Terminal.write(renderer.sarif(report.diagnostics, toolVersion: Program.version).canonicalText + "\n")
        case .github:
            let findings = renderer.github(report.diagnostics)
            Terminal.write(findings.annotations)
            let room = options.isFull ? GitHubWorkflow.summaryLimit - findings.stepSummary.utf8.count : nil
            try GitHubWorkflow.addSummary(heading(report, limit: room) + findings.stepSummary)
            try GitHubWorkflow.addOutputs(findings.outputs + report.outputs)
        }
    }

    /// Renders the plan as a comment on a pull request, or the diagnostics if there is no plan.
    private func markdown(_ report: PlanReport) -> String {
        guard report.plan == nil else { return heading(report, limit: options.isFull ? Int.max : nil) }
        let heading = heading(report) + "\n"
        let renderer = DiagnosticRenderer(sources: sources, paths: GitHubWorkflow.repositoryPaths)
        return heading
            + renderer.markdown(report.diagnostics, limit: PlanMarkdownRenderer.commentLimit - heading.utf8.count)
    }

    /// Renders the plan, or the result of checking the specs.
    ///
    /// - Parameters:
    ///   - report: The report.
    ///   - limit: The maximum number of bytes; `nil` for that of a comment.
    /// - Returns: Markdown.
    private func heading(_ report: PlanReport, limit: Int? = nil) -> String {
        if let plan = report.plan {
            let renderer = PlanMarkdownRenderer(
                limit: limit ?? PlanMarkdownRenderer.commentLimit,
                isFull: options.isFull
            )
            return renderer.text(plan, refusals: report.refusals, allowing: report.allowed)
        }
        let errors = report.diagnostics.count { $0.severity == .error }
        return errors == 0
            ? "### Campaigns: the specs are valid\n"
            : "### Campaigns: \(NumberText.count(errors, "error"))\n\nNothing was planned or changed.\n"
    }
}

/// The files and variables through which a step of a GitHub workflow passes results on; elsewhere they are unset.
enum GitHubWorkflow {
    /// The root of the checked-out repository, from which annotations name files.
    static var repositoryPaths: RepositoryPaths {
        guard let root = ProcessInfo.processInfo.environment["GITHUB_WORKSPACE"], root.hasPrefix("/") else {
            return RepositoryPaths()
        }
        return RepositoryPaths(root: root, workingDirectory: FileManager.default.currentDirectoryPath)
    }

    /// The maximum number of bytes of a step's summary.
    static let summaryLimit = 1_000_000

    /// Appends Markdown to the summary of the step.
    static func addSummary(_ markdown: String) throws {
        guard !markdown.isEmpty else { return }
        try append(markdown, toFileOf: "GITHUB_STEP_SUMMARY")
    }

    /// Appends variables for later steps, which read them as `steps.<id>.outputs.<name>`.
    static func addOutputs(_ outputs: [(name: String, value: String)]) throws {
        try append(outputs.map(GitHubText.output).joined(), toFileOf: "GITHUB_OUTPUT")
    }

    private static func append(_ text: String, toFileOf variable: String) throws {
        guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else { return }
        if !FileManager.default.fileExists(atPath: path) {
            try Data().write(to: URL(filePath: path))
        }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }
}
