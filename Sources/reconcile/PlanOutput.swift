import ArgumentParser
import CommandKit
import Foundation
import JSON
import Reconciler
import Spec
import Spelling
import Synchronization

/// A format of plans.
enum PlanFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, markdown, github, sarif
}

/// The findings and results of one `reconcile`.
struct PlanReport {
    /// The end of a `reconcile`, as pipelines read it.
    enum Outcome: String {
        /// The specs were only checked.
        case valid
        case planned, unchanged, applied
        case invalid, refused
        /// The plan is not the one that was reviewed.
        case stale
        case failed
    }

    var plan: Plan?
    var refusals: [SafetyRefusal] = []
    /// The refusals that flags allow.
    var allowances: [SafetyRefusal] = []
    /// The limits beyond policies that are stored with the plan.
    var allowed: [PolicyGrant] = []
    var diagnostics: [Diagnostic] = []
    /// The id of the history entry; `nil` if nothing was applied.
    var historyID: Int?
    /// The error that is about neither a spec nor a safety rule, such as a database that cannot be reached.
    private(set) var failure: String?
    private var failedOutcome: Outcome?

    var outcome: Outcome {
        if let failedOutcome { return failedOutcome }
        guard let plan else { return .valid }
        guard historyID == nil else { return .applied }
        return plan.isEmpty ? .unchanged : .planned
    }

    /// Takes the error that ended the command.
    mutating func fail(_ error: any Error) {
        switch error as? ReconcileError {
        case .invalidSpecs: failedOutcome = .invalid
        case .refused(let found):
            failedOutcome = .refused
            // Rules are checked again when a plan is applied, because a run may have started meanwhile.
            refusals = found
        case .staleDigest:
            failedOutcome = .stale
            failure = "\(error)"
        case .conflicts, .deletion, .otherEnvironment, .unknownTenants, .lockBusy, nil:
            failedOutcome = .failed
            failure = "\(error)"
        }
    }

    /// Returns the fields of the plan, and beside them the result.
    func json(isFull: Bool) -> JSONValue {
        var object = plan?.reviewJSON(isFull: isFull).objectValue ?? ["formatVersion": .integer(Plan.formatVersion)]
        object["outcome"] = .string(outcome.rawValue)
        object["failure"] = failure.map(JSONValue.string)
        object["refusals"] = .array(refusals.map(\.json))
        object["allowances"] = allowances.isEmpty ? nil : .array(allowances.map(\.json))
        object["allowedPolicies"] = allowed.isEmpty ? nil : .array(allowed.map { .string("\($0)") })
        object["isApplied"] = .bool(historyID != nil)
        object["historyId"] = historyID.map(JSONValue.integer)
        object["diagnostics"] = DiagnosticRenderer.json(diagnostics)["diagnostics"]
        return .object(object)
    }

    /// The output variables of a workflow step.
    var outputs: [(name: String, value: String)] {
        let result = [("outcome", outcome.rawValue)]
        guard let plan else { return result }
        return result + [
            ("digest", plan.digest),
            ("changes", plan.isEmpty ? "false" : "true"),
            ("creates", String(plan.creates)),
            ("updates", String(plan.updates)),
            ("deletes", String(plan.deletes)),
            ("blocked", refusals.isEmpty ? "false" : "true"),
            ("flags", refusals.map(\.flag).joined(separator: "\n")),
            ("applied", historyID == nil ? "false" : "true"),
        ]
    }
}

/// The report of one `reconcile` while it runs; it is published once, also after an error.
final class PlanResults: Sendable {
    private let state: Mutex<(report: PlanReport, output: PlanOutput)>

    init(options: PlanOutput.Options) {
        state = Mutex((PlanReport(), PlanOutput(options: options, sources: [:])))
    }

    var report: PlanReport { state.withLock { $0.report } }
    var output: PlanOutput { state.withLock { $0.output } }

    /// Begins with the diagnostics of the specs, and with their texts by file.
    func begin(diagnostics: [Diagnostic], sources: [String: String]) {
        state.withLock { state in
            state.report = PlanReport()
            state.report.diagnostics = diagnostics
            state.output = PlanOutput(options: state.output.options, sources: sources)
        }
    }

    func change(_ body: (inout PlanReport) -> Void) { state.withLock { body(&$0.report) } }

    func publish() throws { try output.publish(report) }
}

/// Writes plans and diagnostics in the chosen format.
struct PlanOutput: Sendable {
    struct Options: Sendable {
        let format: PlanFormat
        let isFull: Bool
        /// The folder of the specs.
        let path: String
        let jsonFile: String?
        let markdownFile: String?
        let sarifFile: String?
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
        if let file = options.sarifFile { try Terminal.write(sarif(report), to: file) }
        switch options.format {
        case .text: Terminal.write(text(report))
        case .json: Terminal.write(json)
        case .markdown: Terminal.write(markdown(report))
        case .sarif: Terminal.write(sarif(report))
        case .github:
            let findings = renderer.github(report.diagnostics)
            Terminal.write(findings.annotations + renderer.annotations(planFindings(report), failure: report.failure))
            let room = options.isFull ? GitHubWorkflow.summaryLimit - findings.stepSummary.utf8.count : nil
            try GitHubWorkflow.addSummary(heading(report, limit: room) + findings.stepSummary)
            try GitHubWorkflow.addOutputs(findings.outputs + report.outputs)
        }
    }

    private var renderer: DiagnosticRenderer {
        DiagnosticRenderer(sources: sources, paths: GitHubWorkflow.repositoryPaths)
    }

    private func text(_ report: PlanReport) -> String {
        guard let plan = report.plan, report.refusals.isEmpty, report.failure == nil else { return "" }
        let allowed = report.historyID == nil ? "To be allowed" : "Allowed"
        var text = report.allowed.map { "\(allowed): \($0)\n" }.joined()
        // Limits of policies are listed above.
        text += report.allowances.filter { $0.rule != .policy }.map { "\(allowed): \($0.reason) (\($0.flag))\n" }
            .joined()
        guard let id = report.historyID else { return text }
        let counts = "\(plan.creates.grouped) created, \((plan.updates - plan.inherited).grouped) updated"
        let heirs = plan.inherited > 0 ? ", \(plan.inherited.grouped) by inheritance" : ""
        return text + "Applied: \(counts), \(plan.deletes.grouped) deleted\(heirs) (history \(id)).\n"
    }

    private func sarif(_ report: PlanReport) -> String {
        let log = renderer.sarif(
            report.diagnostics,
            findings: planFindings(report),
            failure: report.failure,
            toolVersion: Program.version
        )
        return log.canonicalText + "\n"
    }

    /// Names a refusal's place: that of the spec, or the file of a deleted one, or the folder of the specs.
    private func planFindings(_ report: PlanReport) -> [PlanFinding] {
        let changes = report.plan?.changes ?? []
        return report.refusals.map { refusal in
            let change = refusal.identity.flatMap { identity in changes.first { $0.identity == identity } }
            let file = change?.before?["sourceFile"]?.stringValue.map { "\(options.path)/\($0)" }
            return PlanFinding(
                code: refusal.code,
                message: "\(refusal)",
                place: change?.place,
                file: file ?? options.path
            )
        }
    }

    /// Renders the plan as a comment on a pull request, or the diagnostics if there is no plan.
    private func markdown(_ report: PlanReport) -> String {
        guard report.plan == nil else { return heading(report, limit: options.isFull ? Int.max : nil) }
        let heading = heading(report) + "\n"
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
        let failure = report.failure.map { "**Failed:** \(GitHubText.markdown($0))\n" }
        if let plan = report.plan {
            // Limits of policies stand in the text of the plan.
            let allowances = report.refusals.isEmpty ? report.allowances.filter { $0.rule != .policy } : []
            var foot = allowances.prefix(Self.listLength).map { allowance in
                "- \(GitHubText.markdown(allowance.reason)): `\(allowance.flag.filter { $0 != "`" })`\n"
            }
            .joined()
            if !foot.isEmpty { foot = "\n**Allowed by flags**\n\n" + foot }
            if let failure { foot += "\n" + failure }
            let renderer = PlanMarkdownRenderer(
                limit: (limit ?? PlanMarkdownRenderer.commentLimit) - foot.utf8.count,
                isFull: options.isFull
            )
            return renderer.text(plan, refusals: report.refusals, allowing: report.allowed) + foot
        }
        let errors = report.diagnostics.count { $0.severity == .error }
        if let failure { return "### Campaigns: no plan\n\n\(failure)\nNothing was planned or changed.\n" }
        return errors == 0
            ? "### Campaigns: the specs are valid\n"
            : "### Campaigns: \(NumberText.count(errors, "error"))\n\nNothing was planned or changed.\n"
    }

    /// The maximum number of allowances to list in Markdown.
    private static let listLength = 20
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
