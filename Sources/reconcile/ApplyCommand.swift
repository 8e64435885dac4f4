import ArgumentParser
import CommandKit
import Foundation
import JSON
import Logging
import Postgres
import Reconciler
import Spec
import Spelling

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Show the plan and apply it (the default command; --dry-run only shows the plan)."
    )

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @Flag(help: "Show the plan and change nothing.")
    var dryRun = false

    @Option(name: .customLong("tenant"), help: ArgumentHelp("Only this tenant; may be repeated.", valueName: "name"))
    var tenants: [String] = []

    @Option(help: "Format of the plan: text, json, markdown (a comment on a pull request), github or sarif.")
    var format = PlanFormat.text

    @Option(help: ArgumentHelp("Also write the plan as JSON to a file.", valueName: "file"), completion: .file())
    var jsonInto: String?

    @Option(help: ArgumentHelp("Also write the plan as Markdown to a file.", valueName: "file"), completion: .file())
    var markdownInto: String?

    @Option(help: ArgumentHelp("Apply only the plan with this digest.", valueName: "sha256:…"))
    var expectDigest: String?

    @Flag(help: "With --dry-run, exit with 2 if there are changes.")
    var detailedExitcode = false

    @Flag(help: "Only check the specs; this needs no database and makes no plan.")
    var offline = false

    @Option(
        help: ArgumentHelp(
            "Plan against a snapshot that `reconcile export --state` wrote, and apply nothing.",
            valueName: "file"
        ),
        completion: .file(extensions: ["json"])
    )
    var state: String?

    @Flag(help: "Show the content of creates and deletes too, and all values in full, in every format.")
    var full = false

    @OptionGroup var colour: ColourOptions
    @OptionGroup(title: "Diagnostics") var diagnostics: DiagnosticOptions
    @OptionGroup(title: "Safety rules") var safety: SafetyOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard expectDigest.map({ $0.hasPrefix("sha256:") && $0.utf8.count == 71 }) ?? true else {
            throw ValidationError("--expect-digest takes `sha256:` and 64 digits, as a plan shows them.")
        }
        guard !offline || (state == nil && expectDigest == nil) else {
            throw ValidationError("--offline makes no plan, so it cannot be combined with --state or --expect-digest.")
        }
    }

    func run() async throws {
        let loader = SpecLoader(
            path: path,
            tenants: tenants,
            policy: diagnostics.policy,
            output: PlanOutput.Options(
                format: format,
                isFull: full,
                jsonFile: jsonInto,
                markdownFile: markdownInto,
                colour: colour,
                maximumErrors: diagnostics.maxErrors
            )
        )
        if offline {
            let loaded = try await ProgressNotice.watching("reading the specs") { try await loader.load() }
            try loaded.output.publish(loaded.report)
            guard format == .text else { return }
            let specs = NumberText.count(loaded.specCount, "spec")
            Terminal.write("\(specs) \(loaded.specCount == 1 ? "is" : "are") valid; nothing was compared.\n")
        } else if let state {
            let loaded = try await ProgressNotice.watching("reading the specs") { try await loader.load() }
            var report = loaded.report
            let snapshot = try Self.snapshot(state)
            report.plan = try await BlockingWork.run { Result { try snapshot.plan(loaded.desired) } }.get()
            try await finish(&report, loaded.output) { _, _ in nil }
        } else {
            try await reconcile(loader)
        }
    }

    private func reconcile(_ loader: SpecLoader) async throws {
        do {
            _ = try database.configuration()
        } catch {
            // Errors in the specs are reported first, even without a usable database.
            _ = try await loader.load()
            throw error
        }
        try await database.withPool { pool in
            let (plan, loaded) = try await ProgressNotice.watching("comparing the specs with the database") {
                try await Planner(pool: pool, logger: .command()).plan(tenants: tenants) {
                    let loaded = try await loader.load()
                    return (loaded.desired, loaded)
                }
            }
            var report = loaded.report
            report.plan = plan
            try await finish(&report, loaded.output) { plan, rules in
                let origin = await origin()
                return try await ProgressNotice.watching("applying the plan") {
                    try await Applier(pool: pool).apply(plan, loaded.desired, rules: rules, origin: origin)
                }
            }
        }
    }

    /// Shows the plan and applies it unless a safety rule blocks it; the report is published in any case.
    private func finish(
        _ report: inout PlanReport,
        _ output: PlanOutput,
        _ apply: (Plan, SafetyRules) async throws -> Int?
    ) async throws {
        guard let plan = report.plan else { return }
        let rules = safety.rules
        report.refusals = rules.refusals(of: plan)
        report.allowed = rules.grants(of: plan)
        output.show(plan)
        do {
            if let expectDigest, expectDigest != plan.digest {
                throw ReconcileError.staleDigest(expected: expectDigest, actual: plan.digest)
            }
            guard report.refusals.isEmpty else { throw ReconcileError.refused(report.refusals) }
            if !dryRun, state == nil { report.historyID = try await apply(plan, rules) }
        } catch {
            try output.publish(report)
            throw error
        }
        try output.publish(report)
        if dryRun || state != nil, detailedExitcode, !plan.isEmpty { throw ExitCode.changesPending }
    }

    /// Returns the user who applies the plan, and the commit of the specs, taken from their git repository or else from
    /// the workflow.
    private func origin() async -> Applier.Origin {
        let environment = ProcessInfo.processInfo.environment
        let commit = await GitCommit.current(of: path) ?? environment["GITHUB_SHA"]
        return Applier.Origin(
            actor: environment["GITHUB_ACTOR"] ?? NSUserName(),
            gitCommit: commit.flatMap { $0.isEmpty ? nil : $0 },
            toolVersion: Program.version
        )
    }

    private static func snapshot(_ path: String) throws -> StateSnapshot {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SnapshotFileError(path: path, reason: nil)
        }
        do {
            return try StateSnapshot(json: JSONValue(parsing: data))
        } catch {
            throw SnapshotFileError(path: path, reason: "\(error)")
        }
    }
}

/// Loads the specs for a plan, and reports their diagnostics.
struct SpecLoader: Sendable {
    let path: String
    let tenants: [String]
    let policy: DiagnosticPolicy
    let output: PlanOutput.Options

    /// Specs without errors.
    struct Loaded: Sendable {
        let desired: DesiredState
        let specCount: Int
        /// The diagnostics, and no plan yet.
        let report: PlanReport
        let output: PlanOutput
    }

    /// Loads the specs on a thread outside of the cooperative pool.
    ///
    /// - Throws: ``ReconcileError/invalidSpecs(errors:)`` if there are errors, after they were published.
    func load() async throws -> Loaded {
        let (catalog, desired) = await BlockingWork.run { [path, tenants] in
            let catalog = SpecCatalog.load(directory: path)
            return (catalog, Result { try DesiredState(catalog: catalog, root: path, tenants: tenants) })
        }
        let found = policy.apply(to: catalog.diagnostics)
        let output = PlanOutput(options: output, sources: catalog.sources)
        let report = PlanReport(diagnostics: found)
        output.complain(of: found)
        let errors = found.count { $0.severity == .error }
        guard errors == 0 else {
            try output.publish(report)
            throw ReconcileError.invalidSpecs(errors: errors)
        }
        return Loaded(desired: try desired.get(), specCount: catalog.specs.count, report: report, output: output)
    }
}

private struct SnapshotFileError: Error, CustomStringConvertible {
    let path: String
    /// The error in the content; `nil` if the file cannot be read.
    let reason: String?

    var description: String {
        let help = "write one with `reconcile export --state FILE`"
        guard let reason else { return "cannot read the snapshot `\(path)`; \(help)" }
        return "snapshot `\(path)`: \(reason)" + (reason.contains("reconcile export") ? "" : "; \(help)")
    }
}
