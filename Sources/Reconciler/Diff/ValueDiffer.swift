import JSON
import Spec

/// Finds the fields in which two values differ; none if, and only if, the values are equal.
enum ValueDiffer {
    static func differences(from before: JSONValue?, to after: JSONValue?, path: String = "") -> [FieldDifference] {
        // What most fields are, and at once clear where both are one value.
        if before == after { return [] }
        return switch (before, after) {
        case (.object(let old)?, .object(let new)?):
            Set(old.keys).union(new.keys).sorted().flatMap { key in
                differences(from: old[key], to: new[key], path: path.isEmpty ? key : "\(path).\(key)")
            }
        case (.array(let old)?, .array(let new)?):
            members(from: old, to: new, path: path)
        default:
            [FieldDifference(path: path, before: before, after: after)]
        }
    }

    /// Compares two lists member by member.
    private static func members(from old: [JSONValue], to new: [JSONValue], path: String) -> [FieldDifference] {
        guard let oldNames = ListIdentity.names(of: old, path: path),
            let newNames = ListIdentity.names(of: new, path: path)
        else {
            return positions(from: old, to: new, path: path)
        }
        let before = Dictionary(uniqueKeysWithValues: zip(oldNames, old))
        let after = Dictionary(uniqueKeysWithValues: zip(newNames, new))
        let names = oldNames + newNames.filter { before[$0] == nil }
        let found = names.flatMap { name -> [FieldDifference] in
            let isScalar = (before[name] ?? after[name])?.objectValue == nil
            return differences(from: before[name], to: after[name], path: isScalar ? path : "\(path)[\(name)]")
        }
        // The same members in another order: then the whole list is the difference.
        let hasMoved = oldNames.filter { after[$0] != nil } != newNames.filter { before[$0] != nil }
        return hasMoved ? found + [FieldDifference(path: path, before: .array(old), after: .array(new))] : found
    }

    /// Compares two lists whose members have no names.
    private static func positions(from old: [JSONValue], to new: [JSONValue], path: String) -> [FieldDifference] {
        // A member that is null is not one that is missing.
        (0..<max(old.count, new.count)).flatMap { index in
            differences(
                from: old.dropFirst(index).first,
                to: new.dropFirst(index).first,
                path: "\(path)[\(index)]"
            )
        }
    }
}
