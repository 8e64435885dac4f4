import JSON
import Postgres
import Spec

/// The table `templates`.
enum ManagedTemplates: ManagedTable {
    static let name = "templates"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM templates m WHERE \(fragment: condition)"
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        try reader.json("buttons")
        for column in texts { try reader.text(column) }
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
