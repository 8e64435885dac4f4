import ArgumentParser
import Foundation
import JSON
import Postgres
import Reconciler
import Spec

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Show what would change, and change it (the default; --dry-run only shows)."
    )

    @Argument(help: "The folder with one folder of specs for each tenant.", completion: .directory)
    var path = "campaigns"

    @Flag(help: "Show the plan and change nothing.")
    var dryRun = false

    @Option(name: .customLong("tenant"), help: ArgumentHelp("Only this tenant; may be repeated.", valueName: "name"))
    var tenants: [String] = []

    @Option(help: "How to write the plan: text, json, markdown (a comment on a pull request), github or sarif.")
    var format = PlanFormat.text

    @Option(help: ArgumentHelp("Also write the plan as JSON to a file.", valueName: "file"), completion: .file())
    var jsonInto: String?

    @Option(help: ArgumentHelp("Also write the plan as Markdown to a file.", valueName: "file"), completion: .file())
    var markdownInto: String?

    @Option(help: ArgumentHelp("Apply only the plan with this digest.", valueName: "sha256:…"))
    var expectDigest: String?

    @Flag(help: "With --dry-run, exit with 2 if there are changes.")
    var detailedExitcode = false

    @Flag(help: "Only check the specs; needs no database and plans nothing.")
    var offline = false

    @Option(
        help: ArgumentHelp(
            "Plan against a snapshot that `reconcile export --state` wrote; nothing is applied.",
            valueName: "file"
        ),
        completion: .file(extensions: ["json"])
    )
    var state: String?

    @Flag(help: "Show all content, and long values in full.")
    var full = false

    @OptionGroup(title: "Diagnostics") var diagnostics: DiagnosticOptions
    @OptionGroup(title: "What is allowed") var safety: SafetyOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard expectDigest.map({ $0.hasPrefix("sha256:") && $0.utf8.count == 71 }) ?? true else {
            throw ValidationError("--expect-digest takes `sha256:` and 64 digits, as a plan shows them.")
        }
        guard !offline || (state == nil && expectDigest == nil) else {
            throw ValidationError("--offline plans nothing, so it goes with neither --state nor --expect-digest.")
        }
    }

    func run() async throws {
        try await Terminal.reporting {
            let loading = loading
            if offline {
                let loaded = try await Progress.watching("reading the specs") { try await loading.load() }
                try loaded.publisher.publish(loaded.report)
                guard format == .text else { return }
                let specs = loaded.specCount == 1 ? "1 spec is" : "\(loaded.specCount) specs are"
                Terminal.write("\(specs) valid; nothing was compared.\n")
            } else if let state {
                let loaded = try await Progress.watching("reading the specs") { try await loading.load() }
                var report = loaded.report
                let snapshot = try Self.snapshot(state)
                report.plan = try await BlockingWork.run { Result { try snapshot.plan(loaded.desired) } }.get()
                try await finish(&report, loaded.publisher) { _, _ in nil }
            } else {
                try await reconcile(loading)
            }
        }
    }

    private var loading: SpecLoading {
        SpecLoading(
            path: path,
            tenants: tenants,
            policy: diagnostics.policy,
            format: format,
            isFull: full,
            jsonFile: jsonInto,
            markdownFile: markdownInto,
            maximumErrors: diagnostics.maxErrors
        )
    }

    private func reconcile(_ loading: SpecLoading) async throws {
        do {
            try database.check()
        } catch {
            // What is wrong with the specs comes first.
            _ = try await loading.load()
            throw error
        }
        try await database.withPool { pool in
            let (plan, loaded) = try await Progress.watching("comparing the specs with the database") {
                try await Planner(pool: pool, logger: Terminal.logger).plan(tenants: tenants) {
                    let loaded = try await loading.load()
                    return (loaded.desired, loaded)
                }
            }
            var report = loaded.report
            report.plan = plan
            try await finish(&report, loaded.publisher) { plan, rules in
                let origin = await Origin.current(specs: path)
                return try await Progress.watching("applying the plan") {
                    try await Applier(pool: pool).apply(plan, loaded.desired, rules: rules, origin: origin)
                }
            }
        }
    }

    /// Shows the plan, and applies it if nothing stands against it; what was found is published in any case.
    private func finish(
        _ report: inout PlanReport,
        _ publisher: Publisher,
        _ apply: (Plan, SafetyRules) async throws -> Int?
    ) async throws {
        guard let plan = report.plan else { return }
        let rules = safety.rules
        report.refusals = rules.refusals(of: plan)
        publisher.show(plan)
        do {
            if let expectDigest, expectDigest != plan.digest {
                throw ReconcileError.staleDigest(expected: expectDigest, actual: plan.digest)
            }
            guard report.refusals.isEmpty else { throw ReconcileError.refused(report.refusals) }
            if !dryRun, state == nil { report.historyID = try await apply(plan, rules) }
        } catch {
            try publisher.publish(report)
            throw error
        }
        try publisher.publish(report)
        if dryRun || state != nil, detailedExitcode, !plan.isEmpty { throw ExitCode.changesPending }
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

/// How plans are written.
enum PlanFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, markdown, github, sarif
}

private struct SnapshotFileError: Error, CustomStringConvertible {
    let path: String
    /// What is wrong with its content; `nil` where there is none.
    let reason: String?

    var description: String {
        let help = "write one with `reconcile export --state FILE`"
        guard let reason else { return "cannot read the snapshot `\(path)`; \(help)" }
        return "snapshot `\(path)`: \(reason)" + (reason.contains("reconcile export") ? "" : "; \(help)")
    }
}
