import JSON
import Spec

/// Finds pairs of a delete and a create that look like one spec under a new name, without I/O.
enum RenameDetector {
    /// The share of equal values from which on two specs are similar.
    private static let threshold = 0.8
    /// The maximum number of pairs of one tenant and kind to compare; other rules block changes of more specs anyway.
    private static let pairLimit = 40_000

    /// The fields that identify a spec of a kind, whatever else differs.
    private static let identifyingFields: [SpecKind: [String]] = [
        .account: ["wabaId"],
        .sender: ["phoneNumberId"],
        .template: ["whatsappName", "language"],
        .campaign: ["message", "audience"],
        .schedule: ["campaign", "cron", "at"],
        .trigger: ["campaign", "event", "match"],
    ]
    /// Kinds whose specs are never similar if those fields differ, because most other fields have defaults.
    private static let strict: Set<SpecKind> = [.tenant, .account, .sender, .schedule, .trigger]

    /// Returns the pairs, with each change in at most one.
    static func pairs(of deletes: [PlannedChange], _ creates: [PlannedChange]) -> [Plan.Rename] {
        func key(_ change: PlannedChange) -> SpecIdentity {
            SpecIdentity(tenant: change.identity.tenant, kind: change.identity.kind, name: "")
        }
        let created = Dictionary(grouping: creates, by: key)
        return Dictionary(grouping: deletes, by: key)
            .flatMap { key, deletes in pairs(kind: key.kind, deletes, created[key] ?? []) }
            .sorted { $0.from < $1.from }
    }

    private static func pairs(
        kind: SpecKind,
        _ deletes: [PlannedChange],
        _ creates: [PlannedChange]
    ) -> [Plan.Rename] {
        guard !creates.isEmpty else { return [] }
        var found: [(score: Double, rename: Plan.Rename)] = []
        let byIdentity = Dictionary(grouping: creates) { identifying($0.after, kind) }
        let isFewEnough = deletes.count * creates.count <= pairLimit && !strict.contains(kind)
        let leaves = isFewEnough ? creates.map { ($0.identity, Self.leaves($0.after)) } : []
        for delete in deletes {
            let same = identifying(delete.before, kind).flatMap { byIdentity[$0] } ?? []
            for create in same { found.append((2, Plan.Rename(from: delete.identity, to: create.identity))) }
            let old = isFewEnough ? Self.leaves(delete.before) : [:]
            for (identity, new) in leaves {
                let score = similarity(old, new)
                if score >= threshold { found.append((score, Plan.Rename(from: delete.identity, to: identity))) }
            }
        }
        return best(of: found)
    }

    /// Keeps the most similar pairs, with each name only once.
    private static func best(of found: [(score: Double, rename: Plan.Rename)]) -> [Plan.Rename] {
        let ranked = found.sorted { left, right in
            if left.score != right.score { return left.score > right.score }
            return (left.rename.from, left.rename.to) < (right.rename.from, right.rename.to)
        }
        var used: Set<SpecIdentity> = []
        return ranked.compactMap { candidate in
            guard !used.contains(candidate.rename.from), !used.contains(candidate.rename.to) else { return nil }
            used.formUnion([candidate.rename.from, candidate.rename.to])
            return candidate.rename
        }
    }

    /// Returns the identifying fields as one value; `nil` if the kind has none.
    private static func identifying(_ content: JSONValue?, _ kind: SpecKind) -> JSONValue? {
        guard let fields = identifyingFields[kind] else { return nil }
        return .array(fields.map { content?[$0] ?? .null })
    }

    /// Computes the share of equal values among the fields that either spec has.
    static func similarity(_ old: [String: JSONValue], _ new: [String: JSONValue]) -> Double {
        let all = Set(old.keys).union(new.keys)
        guard !all.isEmpty else { return 0 }
        return Double(all.count { old[$0] == new[$0] }) / Double(all.count)
    }

    /// Returns the values of a content by their paths, without those that a new name or file changes.
    static func leaves(_ content: JSONValue?) -> [String: JSONValue] {
        guard var fields = content?.objectValue else { return [:] }
        for key in ["name", "title", "protect", "sourceFile"] { fields[key] = nil }
        var leaves: [String: JSONValue] = [:]
        collect(.object(fields), path: "", into: &leaves)
        return leaves
    }

    private static func collect(_ value: JSONValue, path: String, into leaves: inout [String: JSONValue]) {
        switch value {
        case .object(let fields): for (key, value) in fields { collect(value, path: "\(path).\(key)", into: &leaves) }
        case .array(let items):
            for (index, item) in items.enumerated() { collect(item, path: "\(path)[\(index)]", into: &leaves) }
        case .null, .bool, .integer, .number, .string: leaves[path] = value
        }
    }
}
