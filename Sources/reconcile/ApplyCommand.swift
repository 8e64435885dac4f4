import Account
import ArgumentParser
import Cells
import CommandKit
import Foundation
import JSON
import Logging
import Postgres
import Reconciler
import Settings
import Spec
import Spelling

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Show the plan and apply it (the default command; --dry-run only shows the plan).",
        discussion: """
            On a terminal it asks before it applies the plan, unless --yes or --expect-digest is given.

            Examples:
              reconcile --dry-run
              reconcile --dry-run --refresh
              reconcile campaigns --tenant acme --yes
              reconcile --expect-digest sha256:… --format json
              reconcile --delete-at-whatsapp spring_offer --tenant acme
              reconcile --cell large --dry-run
            """
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

    @Option(
        help: ArgumentHelp("Also write findings and refusals as SARIF to a file.", valueName: "file"),
        completion: .file()
    )
    var sarifInto: String?

    @Option(help: ArgumentHelp("Apply only the plan with this digest.", valueName: "sha256:…"))
    var expectDigest: String?

    @Option(
        name: .customLong("delete-at-whatsapp"),
        help: ArgumentHelp(
            "Also delete a template at WhatsApp, by its name there; with `:` and a language only that one. May be repeated.",
            valueName: "name"
        )
    )
    var deletionsAtWhatsApp: [String] = []

    @OptionGroup var environment: EnvironmentOptions

    @Flag(help: "Give the database the values of another environment than before.")
    var changeEnvironment = false

    @Flag(help: "With --dry-run, exit with 2 if there are changes.")
    var detailedExitcode = false

    @Flag(help: "Only check the specs; this needs no database and makes no plan.")
    var offline = false

    @Flag(help: "Read the accounts at WhatsApp first, with their tokens, so that the plan knows what is there now.")
    var refresh = false

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
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard expectDigest.map({ $0.hasPrefix("sha256:") && $0.utf8.count == 71 }) ?? true else {
            throw ValidationError("--expect-digest takes `sha256:` and 64 digits, as a plan shows them.")
        }
        guard deletionsAtWhatsApp.isEmpty || (state == nil && !offline) else {
            throw ValidationError("--delete-at-whatsapp needs the database; leave out --state and --offline.")
        }
        guard !offline || (state == nil && expectDigest == nil) else {
            throw ValidationError("--offline makes no plan, so it cannot be combined with --state or --expect-digest.")
        }
        guard !refresh || (!offline && state == nil) else {
            throw ValidationError("--refresh calls WhatsApp, so it cannot be combined with --offline or --state.")
        }
    }

    func run() async throws {
        let results = PlanResults(
            options: PlanOutput.Options(
                format: format,
                isFull: full,
                path: path,
                jsonFile: jsonInto,
                markdownFile: markdownInto,
                sarifFile: sarifInto,
                colour: colour,
                maximumErrors: diagnostics.maxErrors
            )
        )
        do {
            let loader = SpecLoader(
                path: path,
                tenants: tenants,
                cell: offline ? nil : try await cell(),
                environment: environment.selected,
                changesEnvironment: changeEnvironment,
                deletionsAtWhatsApp: deletionsAtWhatsApp,
                checksAllEnvironments: offline && environment.selected == nil,
                policy: diagnostics.policy,
                results: results
            )
            try await run(loader)
        } catch {
            // A pipeline shows what is published, so an error of the environment belongs there as well.
            results.change { $0.fail(error) }
            try results.publish()
            throw error
        }
        try results.publish()
        if dryRun || state != nil, detailedExitcode, results.report.plan?.isEmpty == false {
            throw ExitCode.changesPending
        }
    }

    private func run(_ loader: SpecLoader) async throws {
        if offline {
            let loaded = try await ProgressNotice.watching("reading the specs") { try await loader.load() }
            guard format == .text else { return }
            let specs = NumberText.count(loaded.specCount, "spec")
            Terminal.write("\(specs) \(loaded.specCount == 1 ? "is" : "are") valid; nothing was compared.\n")
        } else if let state {
            let loaded = try await ProgressNotice.watching("reading the specs") { try await loader.load() }
            let snapshot = try Self.snapshot(state)
            let plan = try await BlockingWork.run { Result { try snapshot.plan(loaded.desired) } }.get()
            try await finish(plan, loader.results) { _, _ in nil }
        } else {
            try await reconcile(loader)
        }
    }

    private func reconcile(_ loader: SpecLoader) async throws {
        let configuration: PostgresConfiguration
        do {
            configuration = try loader.cell?.configuration(database) ?? database.configuration()
        } catch {
            // Errors in the specs are reported first, even without a usable database.
            _ = try await loader.load()
            throw error
        }
        try await DatabaseOptions.withPool(configuration) { pool in
            if refresh {
                try await ProgressNotice.watching("reading the accounts at WhatsApp") { try await readAccounts(pool) }
            }
            let (plan, loaded) = try await ProgressNotice.watching("comparing the specs with the database") {
                try await Planner(pool: pool, logger: .command()).plan(tenants: tenants) {
                    let loaded = try await loader.load()
                    return (loaded.desired, loaded)
                }
            }
            try await finish(plan, loader.results) { plan, rules in
                let origin = await origin()
                return try await ProgressNotice.watching("applying the plan") {
                    try await Applier(pool: pool).apply(plan, loaded.desired, rules: rules, origin: origin)
                }
            }
        }
    }

    /// Returns the cell to plan for; `nil` if all specs are for one database.
    ///
    /// One plan is applied in one transaction, so it concerns one cell. `--cell` plans for all that the cell holds, and leaves out
    /// the specs of other cells; without it all tenants of the folder must lie in one.
    private func cell() async throws -> PlannedCell? {
        guard let map = try database.map(), map != .single else { return nil }
        let folder = await BlockingWork.run { [path] in Set(SpecFiles.find(in: path).files.compactMap(\.tenant)) }
        for tenant in folder.union(tenants).sorted() { _ = try map.cell(of: tenant) }
        if let name = database.cell { return PlannedCell(map: map, cell: try map.cell(named: name, for: tenants)) }
        return PlannedCell(map: map, cell: try map.cell(ofAll: tenants.isEmpty ? folder.sorted() : tenants))
    }

    /// Reads the accounts of the tenants, as the specs that were applied last name them.
    private func readAccounts(_ pool: PostgresPool) async throws {
        let environment = database.environment
        let client = try GraphClient(Variables(environment))
        let refresh = AccountRefresh(
            pool: pool,
            client: client,
            tokens: TokenResolver(environment: environment),
            logger: .command()
        )
        let result: Result<Int, any Error>
        do {
            result = .success(try await refresh.refresh(tenants: tenants.isEmpty ? nil : tenants))
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        if try result.get() == 0 { Terminal.complain("note: there are no accounts yet that could be read\n") }
    }

    /// Shows the plan and applies it unless a safety rule blocks it.
    private func finish(
        _ plan: Plan,
        _ results: PlanResults,
        _ apply: (Plan, SafetyRules) async throws -> Int?
    ) async throws {
        let rules = safety.rules
        let refusals = rules.refusals(of: plan)
        results.change { report in
            report.plan = plan
            report.refusals = refusals
            report.allowances = rules.allowances(of: plan)
            report.allowed = rules.grants(of: plan)
        }
        results.output.show(plan)
        if let expectDigest, expectDigest != plan.digest {
            throw ReconcileError.staleDigest(expected: expectDigest, actual: plan.digest)
        }
        guard refusals.isEmpty else { throw ReconcileError.refused(refusals) }
        guard !dryRun, state == nil else { return }
        // A plan with the expected digest has been reviewed. Other formats are published at the end, so that a person could not
        // see what the question is about.
        if !plan.isEmpty, expectDigest == nil, format == .text {
            try await confirmation.confirmAtTerminal("Apply these changes?") { "" }
        }
        let entry = try await apply(plan, rules)
        results.change { $0.historyID = entry }
    }

    /// Returns the user who applies the plan, and the commit of the specs, taken from their git repository or else from
    /// the pipeline on GitHub or GitLab.
    private func origin() async -> Applier.Origin {
        let variables = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        return Applier.Origin(
            actor: variables["GITHUB_ACTOR"] ?? variables["GITLAB_USER_LOGIN"] ?? NSUserName(),
            gitCommit: await GitCommit.current(of: path) ?? variables["GITHUB_SHA"] ?? variables["CI_COMMIT_SHA"],
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

/// The cell that a plan is for.
struct PlannedCell: Sendable {
    let map: CellMap
    let cell: Cell

    /// Returns whether the cell holds a tenant.
    func holds(_ tenant: String) -> Bool { (try? map.cell(of: tenant)) == cell }

    func configuration(_ database: DatabaseOptions) throws -> PostgresConfiguration {
        try DatabaseOptions.configuration(try cell.environment(database.environment))
    }
}

/// Loads the specs for a plan, and reports their diagnostics.
struct SpecLoader: Sendable {
    let path: String
    let tenants: [String]
    /// The cell to plan for; `nil` if all specs are for one database.
    let cell: PlannedCell?
    let environment: String?
    let changesEnvironment: Bool
    /// The templates to delete at WhatsApp.
    let deletionsAtWhatsApp: [String]
    /// True to find the mistakes of all environments, for specs that are not compared with anything.
    let checksAllEnvironments: Bool
    let policy: DiagnosticPolicy
    /// Gets the diagnostics.
    let results: PlanResults

    /// Specs without errors.
    struct Loaded: Sendable {
        let desired: DesiredState
        let specCount: Int
    }

    /// Loads the specs on a thread outside of the cooperative pool.
    ///
    /// - Throws: ``ReconcileError/invalidSpecs(errors:)`` if there are errors.
    func load() async throws -> Loaded {
        let (catalog, desired) = await BlockingWork.run { [path, tenants, cell, environment, checksAllEnvironments] in
            let catalog =
                checksAllEnvironments
                ? SpecCatalog.loadForAllEnvironments(directory: path)
                : SpecCatalog.load(directory: path, environment: environment)
            let state = Result {
                try DesiredState(catalog: catalog, root: path, tenants: tenants) { cell?.holds($0) ?? true }
            }
            return (catalog, state)
        }
        let found = policy.apply(to: catalog.diagnostics)
        results.begin(diagnostics: found, sources: catalog.sources)
        results.output.complain(of: found)
        let errors = found.count { $0.severity == .error }
        guard errors == 0 else { throw ReconcileError.invalidSpecs(errors: errors) }
        var state = try desired.get()
        state.changesEnvironment = changesEnvironment
        state.deletionsAtWhatsApp = deletionsAtWhatsApp
        return Loaded(desired: state, specCount: catalog.specs.count)
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
