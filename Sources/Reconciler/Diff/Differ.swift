import Foundation
import Spec
import Store

/// Compares the desired with the current state, without I/O and on all cores.
enum Differ {
    /// Makes the plan that leads from the current to the desired state, without impact and fire times.
    ///
    /// - Throws: ``ReconcileError/conflicts(_:)`` if it is ambiguous which row a spec describes.
    static func plan(from state: CurrentState, to desired: DesiredState) throws(ReconcileError) -> Plan {
        let renames = RenameResolver(items: desired.items, rows: state.rows)
        // Without renames and unmanaged rows no spec is ambiguous.
        let isPlain = renames.isEmpty && state.unmanaged.isEmpty
        let conflicts = isPlain ? [] : desired.items.values.compactMap { conflict($0, state, renames) }
        guard conflicts.isEmpty else { throw .conflicts(conflicts.sorted { $0.place < $1.place }) }

        let rows = renames.isEmpty ? state.rows : desired.items.compactMapValues { renames.row(of: $0) }
        // Without renames no reference changes its target.
        let references = ReferenceComparison(rows: renames.isEmpty ? [:] : rows)
        let changed = Array(desired.items.values).parallelMap { item -> PlannedChange? in
            let row = rows[item.identity]
            let adopted = row == nil ? state.unmanaged[item.identity]?.first : nil
            return change(item, row ?? adopted, references, isAdoption: adopted != nil)
        }
        let taken = renames.isEmpty ? nil : Set(rows.values.map(\.identity))
        let deleted = state.rows.filter { identity, _ in
            !(taken?.contains(identity) ?? (desired.items[identity] != nil))
        }
        let changes = changed.compactMap(\.self) + deleted.values.map(delete)
        var plan = Plan(
            changes: changes.sorted(by: isBefore),
            base: state.base,
            desired: desired,
            rows: Array(state.rows.keys)
        )
        Inheritance.mark(&plan, desired)
        plan.policyRules = PolicyRules(rows: Array(state.rows.values), desired: desired)
        guard !renames.isEmpty else { return plan }
        plan.ignoredRenames = desired.items.values.compactMap { item in
            renames.ignored(item).map { Plan.Rename(from: $0, to: item.identity) }
        }
        .sorted { $0.to < $1.to }
        return plan
    }

    /// Returns the reason why it is ambiguous which row a spec describes; `nil` if it is not.
    private static func conflict(
        _ item: DesiredState.Item,
        _ state: CurrentState,
        _ renames: RenameResolver
    ) -> ReconcileError.Conflict? {
        let row = renames.row(of: item)
        let place = item.spec.place
        if let row, renames.isAmbiguous(item) {
            let reason = "is one of several specs that are renamed from `\(row.identity.name)`; only one of them can be"
            return ReconcileError.Conflict(identity: item.identity, place: place, reason: reason)
        }
        if let old = renames.contradicted(item) {
            let reason =
                "says `renamedFrom: \(old.name)`, but the spec `\(old.name)` keeps that row; remove one of the two"
            return ReconcileError.Conflict(identity: item.identity, place: place, reason: reason)
        }
        guard let others = state.unmanaged[item.identity], let first = others.first else { return nil }
        if let row, row.identity != item.identity {
            let reason =
                "already exists as row \(first.id.uuidString.lowercased()), which no spec manages, so "
                + "`\(row.identity.name)` cannot be renamed to it; choose another name or remove that row"
            return ReconcileError.Conflict(identity: item.identity, place: place, reason: reason)
        }
        guard row == nil, others.count > 1 else { return nil }
        let ids = others.map { $0.id.uuidString.lowercased() }.sorted().joined(separator: ", ")
        let reason =
            "already exists \(others.count) times, as rows \(ids), which no spec manages; "
            + "rename the spec, or archive all of them except the one to adopt"
        return ReconcileError.Conflict(identity: item.identity, place: place, reason: reason)
    }

    private static func change(
        _ item: DesiredState.Item,
        _ row: ManagedRow?,
        _ references: ReferenceComparison,
        isAdoption: Bool
    ) -> PlannedChange? {
        var differences = row.map { references.differences(from: $0, to: item) } ?? []
        // An unmanaged row has no file, so its new file is no difference worth showing.
        if isAdoption { differences.removeAll { $0.path == "sourceFile" } }
        if row != nil, differences.isEmpty, !isAdoption { return nil }
        let first = differences.first { $0.path != "sourceFile" }
        let isRenamed = row.map { $0.identity != item.identity } ?? false
        var change = PlannedChange(
            action: row == nil ? .create : .update,
            identity: item.identity,
            renamedFrom: row.flatMap { $0.identity == item.identity ? nil : $0.identity },
            row: row,
            after: item.content,
            differences: differences,
            place: first.map { item.spec.place(of: $0.path) } ?? item.spec.place,
            isAdoption: isAdoption
        )
        if row != nil, !isAdoption, !isRenamed {
            change.isReferenceOnly = differences.allSatisfy { references.follows($0, tenant: item.identity.tenant) }
        }
        return change
    }

    private static func delete(_ row: ManagedRow) -> PlannedChange {
        PlannedChange(
            action: .delete,
            identity: row.identity,
            renamedFrom: nil,
            row: row,
            after: nil,
            differences: [],
            place: nil,
            isAdoption: false
        )
    }

    private static func isBefore(_ left: PlannedChange, _ right: PlannedChange) -> Bool {
        let (leftDeletes, rightDeletes) = (left.action == .delete, right.action == .delete)
        guard leftDeletes == rightDeletes else { return rightDeletes }
        guard left.identity.kind == right.identity.kind else {
            return (left.identity.kind < right.identity.kind) != leftDeletes
        }
        return left.identity < right.identity
    }
}
