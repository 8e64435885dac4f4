import Reconciler
import Spec

/// Reads the specs of a call of the command, and tells people what is wrong with them.
struct SpecLoading: Sendable {
    let path: String
    let tenants: [String]
    let policy: DiagnosticPolicy
    let format: PlanFormat
    let isFull: Bool
    let jsonFile: String?
    let markdownFile: String?
    let maximumErrors: Int

    /// Specs without errors.
    struct Loaded: Sendable {
        let desired: DesiredState
        let specCount: Int
        /// With what was found, and without a plan.
        let report: PlanReport
        let publisher: Publisher
    }

    /// Reads the specs away from the threads that must not block.
    ///
    /// - Throws: ``ReconcileError/invalidSpecs(errors:)`` when there are errors, once they are published.
    func load() async throws -> Loaded {
        let (catalog, desired) = await BlockingWork.run { [path, tenants] in
            let catalog = SpecCatalog.load(directory: path)
            return (catalog, Result { try DesiredState(catalog: catalog, root: path, tenants: tenants) })
        }
        UntilExit.keep(catalog)
        UntilExit.keep(desired)
        let found = policy.apply(to: catalog.diagnostics)
        let publisher = Publisher(
            format: format,
            isFull: isFull,
            jsonFile: jsonFile,
            markdownFile: markdownFile,
            maximumErrors: maximumErrors,
            sources: catalog.sources
        )
        let report = PlanReport(diagnostics: found)
        publisher.complain(of: found)
        let errors = found.count { $0.severity == .error }
        guard errors == 0 else {
            try publisher.publish(report)
            throw ReconcileError.invalidSpecs(errors: errors)
        }
        return Loaded(desired: try desired.get(), specCount: catalog.specs.count, report: report, publisher: publisher)
    }
}
