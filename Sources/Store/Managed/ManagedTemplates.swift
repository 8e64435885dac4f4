import Postgres
import Spec

/// The table `templates`.
enum ManagedTemplates: ManagedTable {
    static let name = "templates"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM templates m WHERE \(fragment: condition)"
    }

    static func row(_ row: PostgresRow) throws -> ManagedRow {
        var content: [String: JSONValue] = ["protect": .bool(try row.decode("protect"))]
        content["buttons"] = try row.json("buttons")
        for column in texts { content[column] = try row.text(column) }
        return ManagedRow(
            id: try row.decode("id"),
            identity: try row.identity(.template),
            content: .object(content)
        )
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] { content }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO templates (
            id, "tenantId", name, "whatsappName", language, category, header, body, footer, buttons, protect,
            "sourceFile", "managedBy"
        )
        SELECT r.*, 'spec' FROM \(fragment: recordset(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE templates t SET
            name = r.name, "whatsappName" = r."whatsappName", language = r.language, category = r.category,
            header = r.header, body = r.body, footer = r.footer, buttons = r.buttons, protect = r.protect,
            "sourceFile" = r."sourceFile", "updatedAt" = now()
        FROM \(fragment: recordset(rows))
        WHERE t.id = r.id AND t."managedBy" = 'spec' AND t."archivedAt" IS NULL
        """
    }

    private static func recordset(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, "whatsappName" text, language text, category text, header text,
            body text, footer text, buttons jsonb, protect boolean, "sourceFile" text
        )
        """
    }

    private static let texts = [
        "name", "whatsappName", "language", "category", "header", "body", "footer", "sourceFile",
    ]
}
