import JSON
import Postgres
import Spec

/// The table `templates`.
enum ManagedTemplates: ManagedTable {
    static let name = "templates"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        """
        SELECT m.*, \(fragment: reference("a")) AS account
        FROM templates m \(fragment: ManagedAccounts.joined) WHERE \(fragment: condition)
        """
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        for (field, value) in try TemplateColumns.fields(of: reader.row) { reader.set(field, value) }
        for column in texts { try reader.text(column) }
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] { TemplateColumns.replacing(content) }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO templates (
            id, "tenantId", name, "whatsappName", language, category, header, body, footer, buttons, protect,
            "sourceFile", parts, "accountId", "managedBy"
        )
        SELECT r.id, r."tenantId", r.name, r."whatsappName", r.language, r.category, r.header, r.body, r.footer,
            coalesce(r.buttons, 'null'), r.protect, r."sourceFile", r.parts, a.id, 'spec'
        FROM \(fragment: resolved(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE templates t SET
            name = r.name, "whatsappName" = r."whatsappName", language = r.language, category = r.category,
            header = r.header, body = r.body, footer = r.footer, buttons = coalesce(r.buttons, 'null'),
            protect = r.protect, "sourceFile" = r."sourceFile", parts = r.parts, "accountId" = a.id, "updatedAt" = now()
        FROM \(fragment: resolved(rows)) AND t.id = r.id AND t."managedBy" = 'spec' AND t."archivedAt" IS NULL
        """
    }

    /// Selects the rows with their accounts; a row whose account does not exist is left out, which the row count reveals.
    private static func resolved(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, "whatsappName" text, language text, category text, header text,
            body text, footer text, buttons jsonb, protect boolean, "sourceFile" text, account text,
            parts jsonb
        )
        \(fragment: ManagedAccounts.named)
        WHERE (r.account IS NULL) = (a.id IS NULL)
        """
    }

    private static let texts = [
        "name", "whatsappName", "language", "category", "sourceFile", "account",
    ]
}
