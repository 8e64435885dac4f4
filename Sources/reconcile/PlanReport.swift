import JSON
import Reconciler
import Spec

/// What one call of the command found and did, for machines.
struct PlanReport {
    var plan: Plan?
    var refusals: [SafetyRefusal] = []
    var diagnostics: [Diagnostic] = []
    /// The entry in the history; `nil` when nothing was applied.
    var historyID: Int?

    /// The plan's own fields, and beside them what became of it.
    var json: JSONValue {
        var object = plan?.json.objectValue ?? ["formatVersion": .integer(Plan.formatVersion)]
        object["refusals"] = .array(refusals.map(\.json))
        object["isApplied"] = .bool(historyID != nil)
        object["historyId"] = historyID.map(JSONValue.integer)
        object["diagnostics"] = DiagnosticRenderer.json(diagnostics)["diagnostics"]
        return .object(object)
    }

    /// What later steps of a workflow want to know.
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
