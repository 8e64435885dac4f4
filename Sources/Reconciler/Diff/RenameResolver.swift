import Spec
import Store

/// Finds which row each spec takes over under a new name; a pure function.
///
/// `renamedFrom` stays in a file after it was applied, so it means something only while there is a row of the old name
/// that no spec of that name has a claim to. Chains (a to b, b to c) work, as each link waits for the next one to let go
/// of its row. A circle could not be told from one that was applied already; the catalog refuses it.
struct RenameResolver {
    private let items: [SpecIdentity: DesiredState.Item]
    private let rows: [SpecIdentity: ManagedRow]
    /// The specs that were renamed from a name.
    private let successors: [SpecIdentity: [SpecIdentity]]

    init(items: [SpecIdentity: DesiredState.Item], rows: [SpecIdentity: ManagedRow]) {
        self.items = items
        self.rows = rows
        successors = Dictionary(
            grouping: items.values.filter { $0.renamedFrom != nil },
            by: { $0.renamedFrom ?? $0.identity }
        )
        .mapValues { $0.map(\.identity).sorted() }
    }

    /// Whether no spec says that it was renamed.
    var isEmpty: Bool { successors.isEmpty }

    /// The row that a spec has, under its own name or its old one.
    func row(of item: DesiredState.Item) -> ManagedRow? {
        guard let old = item.renamedFrom, moves(item) else { return rows[item.identity] }
        return rows[old]
    }

    /// The old name of a spec that says it was renamed, although rows of both names exist: the old row would be deleted.
    func ignored(_ item: DesiredState.Item) -> SpecIdentity? {
        guard let old = item.renamedFrom, items[old] == nil, canMove(item), !moves(item) else { return nil }
        // Somebody else may take the row along; then ours was an earlier rename, and nothing is deleted.
        return (successors[old] ?? []).compactMap { items[$0] }.contains(where: moves) ? nil : old
    }

    /// The old name of a spec that says it was renamed, although the spec that bears the old name keeps the row.
    func contradicted(_ item: DesiredState.Item) -> SpecIdentity? {
        guard let old = item.renamedFrom, rows[item.identity] == nil, rows[old] != nil, !canMove(item) else {
            return nil
        }
        return old
    }

    /// Whether several specs take over the same row.
    func isAmbiguous(_ item: DesiredState.Item) -> Bool {
        guard let old = item.renamedFrom, moves(item) else { return false }
        return (successors[old] ?? []).compactMap { items[$0] }.count(where: moves) > 1
    }

    private func moves(_ item: DesiredState.Item) -> Bool {
        var seen: Set<SpecIdentity> = []
        return canMove(item) && isVacated(item.identity, &seen)
    }

    /// Whether no row of the name exists, or whoever was renamed from it takes it along.
    private func isVacated(_ identity: SpecIdentity, _ seen: inout Set<SpecIdentity>) -> Bool {
        guard rows[identity] != nil else { return true }
        guard seen.insert(identity).inserted else { return false }
        for name in successors[identity] ?? [] {
            if let next = items[name], canMove(next), isVacated(name, &seen) { return true }
        }
        return false
    }

    /// Whether there is an old row that no spec keeps.
    private func canMove(_ item: DesiredState.Item) -> Bool {
        var seen: Set<SpecIdentity> = [item.identity]
        var current = item
        while let old = current.renamedFrom {
            guard rows[old] != nil, seen.insert(old).inserted else { return false }
            guard let keeper = items[old] else { return true }
            current = keeper
        }
        return false
    }
}
