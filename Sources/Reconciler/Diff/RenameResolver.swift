import JSON
import Spec
import Store

/// Finds the row that each renamed spec takes over, without I/O.
///
/// `renamedFrom` stays in a file after it was applied, so it has an effect only while a row of the old name exists and
/// no spec of that name keeps it. Chains (a to b, b to c) work, because each link waits until the next one releases its
/// row. A circle cannot be distinguished from one that was already applied, so the catalog refuses it.
struct RenameResolver {
    private let items: [SpecIdentity: DesiredState.Item]
    private let rows: [SpecIdentity: ManagedRow]
    /// The specs by the name that they were renamed from.
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

    /// True if no spec has `renamedFrom`.
    var isEmpty: Bool { successors.isEmpty }

    /// Returns the row of a spec, under its own name or its former one.
    func row(of item: DesiredState.Item) -> ManagedRow? {
        guard let old = item.renamedFrom, moves(item) else { return rows[item.identity] }
        return rows[old]
    }

    /// Returns the former name of a renamed spec if rows of both names exist, so that the old row would be deleted.
    func ignored(_ item: DesiredState.Item) -> SpecIdentity? {
        guard let old = item.renamedFrom, items[old] == nil, canMove(item), !moves(item) else { return nil }
        // If another spec takes the row over, this rename is an earlier one, and nothing is deleted.
        return (successors[old] ?? []).compactMap { items[$0] }.contains(where: moves) ? nil : old
    }

    /// Returns the former name of a renamed spec if a spec of that name keeps the row.
    func contradicted(_ item: DesiredState.Item) -> SpecIdentity? {
        guard let old = item.renamedFrom, rows[item.identity] == nil, rows[old] != nil, !canMove(item) else {
            return nil
        }
        return old
    }

    /// Returns true if several specs take over the same row.
    func isAmbiguous(_ item: DesiredState.Item) -> Bool {
        guard let old = item.renamedFrom, moves(item) else { return false }
        return (successors[old] ?? []).compactMap { items[$0] }.count(where: moves) > 1
    }

    private func moves(_ item: DesiredState.Item) -> Bool {
        var seen: Set<SpecIdentity> = []
        return canMove(item) && isVacated(item.identity, &seen)
    }

    /// Returns true if no row of the name exists, or a spec that was renamed from it takes the row over.
    private func isVacated(_ identity: SpecIdentity, _ seen: inout Set<SpecIdentity>) -> Bool {
        guard rows[identity] != nil else { return true }
        guard seen.insert(identity).inserted else { return false }
        for name in successors[identity] ?? [] {
            if let next = items[name], canMove(next), isVacated(name, &seen) { return true }
        }
        return false
    }

    /// Returns true if there is a row of the former name that no spec keeps.
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

/// Compares references by the rows that they point to, not by the names of those rows, without I/O.
///
/// A campaign that follows the rename of its sender still refers to the same row, so its change has no effect. A campaign
/// that keeps a name which another sender has taken over refers to another row, although its spec did not change.
struct ReferenceComparison {
    /// The fields that refer to other specs, and the kinds of those.
    private static let fields: [String: SpecKind] = [
        "account": .account, "sender": .sender, "template": .template, "audience": .audience, "campaign": .campaign,
    ]

    /// The new names of rows by their former ones.
    private let newNames: [SpecIdentity: String]

    /// Makes a comparison from the rows by the names that they will have.
    init(rows: [SpecIdentity: ManagedRow]) {
        var names: [SpecIdentity: String] = [:]
        for (identity, row) in rows where row.identity != identity { names[row.identity] = identity.name }
        newNames = names
    }

    /// Returns the differences between a row and a spec.
    func differences(from row: ManagedRow, to item: DesiredState.Item) -> [FieldDifference] {
        var differences = ValueDiffer.differences(from: row.content, to: item.content)
        guard !newNames.isEmpty else { return differences }
        for (field, kind) in Self.fields {
            guard let old = row.content[field]?.stringValue,
                let new = newName(of: old, kind, tenant: row.identity.tenant),
                item.content[field] != .string(new)
            else { continue }
            differences.removeAll { $0.field == field }
            let difference = FieldDifference(path: field, before: .string(new), after: item.content[field])
            differences.insert(difference, at: differences.firstIndex { $0.path > field } ?? differences.endIndex)
        }
        return differences
    }

    /// Returns true if a difference only replaces a former name by the new name of the same row.
    func follows(_ difference: FieldDifference, tenant: String) -> Bool {
        let kind = Self.fields[difference.path] ?? (difference.path == "defaults.sender" ? .sender : nil)
        guard let kind, let old = difference.before?.stringValue else { return false }
        return newName(of: old, kind, tenant: tenant).map { .string($0) == difference.after } ?? false
    }

    private func newName(of name: String, _ kind: SpecKind, tenant: String) -> String? {
        newNames[SpecIdentity(tenant: tenant, kind: kind, name: name)]
    }
}
