public import JSON
public import Spec

/// Writes specs as YAML: what is read back is the same spec, unless the rules for specs have become stricter.
public enum SpecWriter {
    /// The order in which authors expect the fields; the rest follows by name.
    private static let order = [
        "name", "title", "type", "phoneNumberId", "accessToken", "tier", "dailyLimit", "ratePerSecond", "whatsappName",
        "language", "category", "header", "body", "footer", "buttons", "logic", "conditions", "campaign", "event",
        "match", "cooldown", "cron", "at", "timeZone", "from", "until", "sender", "template", "message", "params",
        "audience",
    ]

    /// The document of one spec, without the fields that say what is the default anyway; ends in a newline.
    ///
    /// - Parameters:
    ///   - kind: The kind of the spec.
    ///   - stored: Its canonical form, as a row has it.
    /// - Returns: The text of the document.
    /// - Throws: `SpecError` if the value is no such spec.
    public static func document(_ kind: SpecKind, stored: JSONValue) throws(SpecError) -> String {
        let full = try kind.spec(stored: stored).canonical
        var fields = full.objectValue ?? [:]
        for key in fields.keys.sorted() where key != "name" {
            var fewer = fields
            fewer[key] = nil
            if isSame(kind, fewer, full) { fields = fewer }
        }
        let lines = YAMLText.lines(sorted(fields))
        return (["kind: \(kind.rawValue)"] + lines).joined(separator: "\n") + "\n"
    }

    private static func isSame(_ kind: SpecKind, _ fields: [String: JSONValue], _ full: JSONValue) -> Bool {
        do {
            return try kind.spec(stored: .object(fields)).canonical == full
        } catch {
            // Without the field it is no spec at all, so the field is needed.
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
