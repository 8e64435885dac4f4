import JSON
import Spec

/// Names the members of a list by what they are.
enum ListIdentity {
    /// The fields that tell members apart, the most telling first.
    private static let fields = [
        ["field", "operator"], ["parameter_name"], ["type", "sub_type", "index"], ["type", "text"], ["type"], ["name"],
    ]

    /// A name for each member, or `nil` if some have none or the same.
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
        // Parameters of WhatsApp are told apart by their position: their text is what changes.
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
