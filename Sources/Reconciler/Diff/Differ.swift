import Spec
import Store

/// Compares what is wanted with what is there; a pure function.
enum Differ {
    /// The plan that leads from one to the other, without counted recipients.
    ///
    /// - Throws: ``ReconcileError/conflicts(_:)`` when rows of others bear the names of specs.
    static func plan(from state: CurrentState, to desired: DesiredState) throws(ReconcileError) -> Plan {
        let conflicts = state.unmanaged.compactMap { identity, id in
            desired.items[identity].map { ReconcileError.Conflict(identity: identity, rowID: id, place: $0.spec.place) }
        }
        guard conflicts.isEmpty else { throw .conflicts(conflicts.sorted { $0.place < $1.place }) }

        var taken: Set<SpecIdentity> = []
        var changes: [PlannedChange] = []
        for (identity, item) in desired.items {
            let row = state.rows[identity] ?? renamed(item, state, desired)
            if let row { taken.insert(row.identity) }
            if let change = change(item, row) { changes.append(change) }
        }
        for (identity, row) in state.rows where !taken.contains(identity) { changes.append(delete(row)) }
        return Plan(
            changes: changes.sorted(by: isBefore),
            base: state.base,
            specCount: desired.items.count,
            rows: Array(state.rows.keys)
        )
    }

    /// The row that a spec takes over under a new name.
    private static func renamed(
        _ item: DesiredState.Item,
        _ state: CurrentState,
        _ desired: DesiredState
    ) -> ManagedRow? {
        guard let old = item.renamedFrom, desired.items[old] == nil else { return nil }
        return state.rows[old]
    }

    private static func change(_ item: DesiredState.Item, _ row: ManagedRow?) -> PlannedChange? {
        let differences = row.map { ValueDiffer.differences(from: $0.content, to: item.content) } ?? []
        if row != nil, differences.isEmpty { return nil }
        let first = differences.first { $0.path != "sourceFile" }
        return PlannedChange(
            action: row == nil ? .create : .update,
            identity: item.identity,
            renamedFrom: row.flatMap { $0.identity == item.identity ? nil : $0.identity },
            rowID: row?.id,
            before: row?.content,
            after: item.content,
            differences: differences,
            place: first.map { item.spec.place(of: $0.path) } ?? item.spec.place,
            hasRunUnderWay: row?.hasRunUnderWay ?? false,
            impact: nil
        )
    }

    private static func delete(_ row: ManagedRow) -> PlannedChange {
        PlannedChange(
            action: .delete,
            identity: row.identity,
            renamedFrom: nil,
            rowID: row.id,
            before: row.content,
            after: nil,
            differences: [],
            place: nil,
            hasRunUnderWay: row.hasRunUnderWay,
            impact: nil
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
