import Reconciler
import Spec

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
