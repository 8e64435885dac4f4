import JSON
import Spec

/// Finds the fields in which two values differ; there are none if and only if the values are equal.
enum ValueDiffer {
    static func differences(from before: JSONValue?, to after: JSONValue?, path: String = "") -> [FieldDifference] {
        // Most fields are equal.
        if isIdentical(before, after) { return [] }
        return switch (before, after) {
        case (.object(let old)?, .object(let new)?):
            fields(from: old, to: new, path: path)
        case (.array(let old)?, .array(let new)?):
            members(from: old, to: new, path: path)
        default:
            [FieldDifference(path: path, before: before, after: after)]
        }
    }

    /// Returns true if two values have the same code points; `==` of texts ignores how letters are composed.
    static func isIdentical(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
        switch (left, right) {
        case (.string(let left)?, .string(let right)?): ExactText.identical(left, right)
        case (.array(let left)?, .array(let right)?):
            left.count == right.count && zip(left, right).allSatisfy { isIdentical($0, $1) }
        case (.object(let left)?, .object(let right)?):
            left.count == right.count
                && zip(left, right).allSatisfy {
                    ExactText.identical($0.key, $1.key) && isIdentical($0.value, $1.value)
                }
        default: left == right
        }
    }

    /// Compares two objects field by field; keys that differ only in how letters are composed are different keys.
    private static func fields(from old: JSONObject, to new: JSONObject, path: String) -> [FieldDifference] {
        let before = Dictionary(uniqueKeysWithValues: old.map { (ExactText($0.key), $0.value) })
        let after = Dictionary(uniqueKeysWithValues: new.map { (ExactText($0.key), $0.value) })
        return Set(before.keys).union(after.keys).sorted().flatMap { key in
            differences(from: before[key], to: after[key], path: path.isEmpty ? "\(key.text)" : "\(path).\(key.text)")
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
        // If only the order differs, the whole list is the difference.
        let hasMoved = oldNames.filter { after[$0] != nil } != newNames.filter { before[$0] != nil }
        return hasMoved ? found + [FieldDifference(path: path, before: .array(old), after: .array(new))] : found
    }

    /// Compares two lists whose members have no names by position.
    private static func positions(from old: [JSONValue], to new: [JSONValue], path: String) -> [FieldDifference] {
        // `dropFirst` distinguishes a member that is null from a missing one.
        (0..<max(old.count, new.count)).flatMap { index in
            differences(
                from: old.dropFirst(index).first,
                to: new.dropFirst(index).first,
                path: "\(path)[\(index)]"
            )
        }
    }
}

/// Names the members of a list by their content.
enum ListIdentity {
    /// The fields that distinguish members, the most specific first.
    private static let fields = [
        ["field", "operator"], ["parameter_name"], ["type", "sub_type", "index"], ["type", "text"], ["type"], ["name"],
    ]

    /// Returns a name for each member; `nil` if names are missing or not unique.
    static func names(of members: [JSONValue], path: String) -> [String]? {
        if members.allSatisfy({ $0.objectValue == nil && $0.arrayValue == nil }) {
            return unique(members.map(\.canonicalText))
        }
        return unique(members.compactMap { name(of: $0, path: path) }).flatMap { $0.count == members.count ? $0 : nil }
    }

    private static func name(of member: JSONValue, path: String) -> String? {
        guard let object = member.objectValue else { return nil }
        if object["not"] != nil { return "not" }
        if object["conditions"] != nil { return object["logic"]?.stringValue }
        // WhatsApp parameters are identified by position, because their text is the value that changes.
        let isParameter = path.hasSuffix("parameters")
        for names in fields where !(isParameter && names == ["type", "text"]) {
            let values = names.compactMap { object[$0]?.stringValue }
            if values.count == names.count { return values.joined(separator: " ") }
        }
        return nil
    }

    private static func unique(_ names: [String]) -> [String]? {
        Set(names).count == names.count ? names : nil
    }
}
