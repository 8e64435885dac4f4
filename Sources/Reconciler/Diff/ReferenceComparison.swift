import JSON
import Spec
import Store

/// Compares references by the rows that they lead to, not by the names that those happen to have; a pure function.
///
/// A campaign that named a sender by its old name, and now by its new one, still refers to the same row: the change is
/// none but in words. One that goes on using a name which another sender has taken over refers to another row, although
/// not a letter of it has changed.
struct ReferenceComparison {
    /// The fields that name other specs, and the kinds of those.
    private static let fields: [String: SpecKind] = [
        "sender": .sender, "template": .template, "audience": .audience, "campaign": .campaign,
    ]

    /// The new names of rows, by their old ones.
    private let newNames: [SpecIdentity: String]

    /// Takes the rows of all specs that have one, by the names that they get.
    init(rows: [SpecIdentity: ManagedRow]) {
        var names: [SpecIdentity: String] = [:]
        for (identity, row) in rows where row.identity != identity { names[row.identity] = identity.name }
        newNames = names
    }

    /// What differs between a row and a spec.
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

    /// Whether a difference only calls the same thing by its new name.
    func follows(_ difference: FieldDifference, tenant: String) -> Bool {
        let kind = Self.fields[difference.path] ?? (difference.path == "defaults.sender" ? .sender : nil)
        guard let kind, let old = difference.before?.stringValue else { return false }
        return newName(of: old, kind, tenant: tenant).map { .string($0) == difference.after } ?? false
    }

    private func newName(of name: String, _ kind: SpecKind, tenant: String) -> String? {
        newNames[SpecIdentity(tenant: tenant, kind: kind, name: name)]
    }
}
