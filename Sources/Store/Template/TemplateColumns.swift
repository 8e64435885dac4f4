import JSON
import Postgres
import Spec

/// The content of a template in the columns of its row.
///
/// Versions before the column `parts` read the other columns only. A template with a part that they do not know has a JSON
/// null for `buttons`, which they refuse to read, so that they never make a message without the part.
struct TemplateColumns {
    private static let own = ["header", "footer", "body", "buttons"]
    /// The fields without a column, in a template that older versions can send nevertheless.
    private static let harmless = ["examples", "allowCategoryChange", "ttl"]
    private static let added = ["cards", "offer", "otp", "callPermission", "languages", "fallback"] + harmless
    private static let oldButtons: [JSONValue] = ["quickReply", "url", "phone", "copyCode"]

    let header: String?
    let body: String
    let footer: String?
    let buttons: JSONValue
    let parts: JSONValue?

    /// Splits the canonical form of a template.
    init(_ content: [String: JSONValue]) {
        var parts = content.filter { Self.added.contains($0.key) }
        let isText = content["header"].map { $0.stringValue != nil } ?? true
        let given = content["buttons"] ?? []
        let isOld =
            isText && parts.keys.allSatisfy(Self.harmless.contains)
            && (given.arrayValue ?? []).allSatisfy { $0["type"].map(Self.oldButtons.contains) ?? true }
        if !isText { parts["header"] = content["header"] }
        if !isOld { parts["buttons"] = given }
        header = content["header"]?.stringValue
        body = content["body"]?.stringValue ?? ""
        footer = content["footer"]?.stringValue
        buttons = isOld ? given : .null
        self.parts = parts.isEmpty ? nil : .object(parts)
    }

    /// The columns, as a batch writes them.
    var json: [String: JSONValue] {
        var columns: [String: JSONValue] = ["body": .string(body), "buttons": buttons]
        columns["header"] = header.map(JSONValue.string)
        columns["footer"] = footer.map(JSONValue.string)
        columns["parts"] = parts
        return columns
    }

    /// Returns a content with the columns of its template replaced.
    static func replacing(_ content: [String: JSONValue]) -> [String: JSONValue] {
        var columns = content.filter { !(own + added).contains($0.key) }
        columns.merge(TemplateColumns(content).json) { _, new in new }
        return columns
    }

    /// Returns the fields of a row.
    static func fields(of row: PostgresRow) throws -> [String: JSONValue] {
        var fields: [String: JSONValue] = [:]
        fields["buttons"] = try row.json("buttons")
        for column in ["header", "body", "footer"] { fields[column] = try row.text(column) }
        fields.merge(try row.json("parts")?.objectValue ?? [:]) { _, new in new }
        // The texts of a template with a code are WhatsApp's own, and the column cannot be NULL.
        if fields["otp"] != nil { fields["body"] = nil }
        return fields
    }
}
