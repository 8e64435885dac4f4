import ArgumentParser
import Logging
import Postgres
import Reconciler
import Spec

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Show what would change, and change it (the default; --dry-run only shows)."
    )

    @Argument(help: "The folder with one folder of specs for each tenant.")
    var path = "campaigns"

    @Flag(help: "Show the plan and change nothing.")
    var dryRun = false

    @Option(name: .customLong("tenant"), help: ArgumentHelp("Only this tenant; may be repeated.", valueName: "name"))
    var tenants: [String] = []

    @Option(help: "How to write the plan: text or json.")
    var format = OutputFormat.text

    @Option(help: ArgumentHelp("Also write the plan as JSON to a file.", valueName: "file"))
    var jsonInto: String?

    @Option(help: ArgumentHelp("Apply only the plan with this digest.", valueName: "sha256:…"))
    var expectDigest: String?

    @Flag(help: "With --dry-run, exit with 2 if there are changes.")
    var detailedExitcode = false

    @Option(
        name: .customLong("allow-delete"),
        help: ArgumentHelp(
            "Allow to delete this protected or running spec, such as acme/Campaign/offer; may be repeated.",
            valueName: "name"
        ),
        transform: identity
    )
    var allowedDeletes: [SpecIdentity] = []

    @Flag(help: "Allow to delete everything when there are no specs.")
    var allowEmpty = false

    @Option(help: "How much of a tenant may be changed or deleted at once, from ten specs on.")
    var maxChangePercent = 30

    @Flag(help: "Show all content, and long values in full.")
    var full = false

    @Option(help: ArgumentHelp("Where the database is; the variable DATABASE_URL by default.", valueName: "url"))
    var databaseUrl: String?

    func validate() throws {
        guard (0...100).contains(maxChangePercent) else {
            throw ValidationError("--max-change-percent takes a number from 0 to 100.")
        }
        guard expectDigest.map({ $0.hasPrefix("sha256:") && $0.utf8.count == 71 }) ?? true else {
            throw ValidationError("--expect-digest takes `sha256:` and 64 digits, as a plan shows them.")
        }
    }

    func run() async throws {
        try await Terminal.reporting {
            let catalog = await CatalogSource.load(path)
            Terminal.show(catalog)
            guard catalog.isValid else {
                try publish(PlanReport(diagnostics: catalog.diagnostics))
                throw ReconcileError.invalidSpecs(errors: catalog.diagnostics.count { $0.severity == .error })
            }
            let desired = try DesiredState(catalog: catalog, root: path, tenants: tenants)
            let pool = PostgresPool(
                configuration: try DatabaseSetting.configuration(databaseUrl),
                maxConnections: 2,
                logger: Terminal.logger
            )
            do {
                try await reconcile(desired, catalog.diagnostics, pool)
            } catch {
                await pool.shutdown()
                throw error
            }
            await pool.shutdown()
        }
    }

    private func reconcile(_ desired: DesiredState, _ diagnostics: [Diagnostic], _ pool: PostgresPool) async throws {
        let rules = SafetyRules(
            allowedDeletes: Set(allowedDeletes),
            allowsEmpty: allowEmpty,
            maximumChangePercent: maxChangePercent
        )
        let plan = try await Planner(pool: pool, logger: Terminal.logger).plan(desired)
        var report = PlanReport(plan: plan, refusals: rules.refusals(of: plan), diagnostics: diagnostics)
        if format == .text {
            Terminal.write(PlanTextRenderer(isFull: full, usesColour: Terminal.outputHasColour).text(plan))
        }
        do {
            if let expectDigest, expectDigest != plan.digest {
                throw ReconcileError.staleDigest(expected: expectDigest, actual: plan.digest)
            }
            guard report.refusals.isEmpty else { throw ReconcileError.refused(report.refusals) }
            if !dryRun {
                let origin = await Origin.current(specs: path)
                report.historyID = try await Applier(pool: pool).apply(plan, desired, rules: rules, origin: origin)
            }
        } catch {
            try publish(report)
            throw error
        }
        try publish(report)
        if format == .text, let id = report.historyID {
            Terminal.write(
                "Applied: \(plan.creates) created, \(plan.updates) updated, \(plan.deletes) deleted (history \(id)).\n"
            )
        }
        if dryRun, detailedExitcode, !plan.isEmpty { throw ExitCode.changesPending }
    }

    private func publish(_ report: PlanReport) throws {
        let text = report.json.canonicalText + "\n"
        if format == .json { Terminal.write(text) }
        if let jsonInto { try Terminal.write(text, to: jsonInto) }
    }

    private static func identity(_ text: String) throws -> SpecIdentity {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let kind = SpecKind(rawValue: parts[1]) else {
            throw ValidationError("`\(text)` is no name such as acme/Campaign/offer.")
        }
        return SpecIdentity(tenant: parts[0], kind: kind, name: parts[2])
    }
}
