public import JSON

/// Writes specs as YAML that reads as the same specs, unless the rules for specs have become stricter.
public enum SpecWriter {
    /// The usual order of the fields; the rest follows by name.
    private static let order = [
        "name", "title", "type", "wabaId", "phoneNumberId", "accessToken", "tier", "dailyLimit", "ratePerSecond",
        "whatsappName", "language", "category", "header", "body", "footer", "offer", "buttons", "cards", "otp", "logic",
        "conditions", "campaign", "event",
        "match", "cooldown", "cron", "at", "timeZone", "from", "until", "sender", "template", "message", "params",
        "audience",
    ]

    /// Writes the document of one spec without fields that have their defaults; it ends in a newline.
    ///
    /// - Parameters:
    ///   - kind: The kind of the spec.
    ///   - stored: The canonical form of the spec, as a row stores it.
    /// - Returns: The text of the document.
    /// - Throws: `SpecError` if the value is not a spec of this kind.
    public static func document(_ kind: SpecKind, stored: JSONValue) throws(SpecError) -> String {
        let full = try kind.spec(stored: stored).canonical
        var fields = full.objectValue ?? [:]
        for key in fields.keys.sorted() where key != "name" {
            var fewer = fields
            fewer[key] = nil
            if isSame(kind, fewer, full) { fields = fewer }
        }
        let lines = YAMLText.lines(sorted(fields.mapValues(escaped)))
        return (["kind: \(kind.rawValue)"] + lines).joined(separator: "\n") + "\n"
    }

    /// Returns the content of a row without the fields that are derived from others.
    package static func own(_ content: JSONValue) -> JSONValue {
        var content = content.objectValue ?? [:]
        content["sourceFile"] = nil
        content["campaignSays"] = nil
        if content["audience"]?.stringValue != nil { content["audienceFilter"] = nil }
        if content["template"] != nil { content["message"] = nil }
        return .object(content)
    }

    /// Writes the fields of any object in the usual order, such as the content of a revision; it ends in a newline.
    package static func text(_ value: JSONValue) -> String {
        let fields = (value.objectValue ?? [:]).mapValues(escaped)
        return YAMLText.lines(sorted(fields)).joined(separator: "\n") + "\n"
    }

    /// Returns a value whose texts take no values of an environment.
    private static func escaped(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(ValueReference.escaped(text))
        case .array(let items): .array(items.map(escaped))
        case .object(let fields): .object(fields.mapValues(escaped))
        case .null, .bool, .integer, .number: value
        }
    }

    private static func isSame(_ kind: SpecKind, _ fields: [String: JSONValue], _ full: JSONValue) -> Bool {
        do {
            return try kind.spec(stored: .object(fields)).canonical == full
        } catch {
            // Without the field the spec is invalid, so the field is needed.
            return false
        }
    }

    private static func sorted(_ fields: [String: JSONValue]) -> [(key: String, value: JSONValue)] {
        fields.map { (key: $0.key, value: $0.value) }.sorted { left, right in
            let ranks = (order.firstIndex(of: left.key) ?? order.count, order.firstIndex(of: right.key) ?? order.count)
            return ranks.0 == ranks.1 ? left.key < right.key : ranks.0 < ranks.1
        }
    }
}
