import JSON
import Postgres
import Spec

/// The table `tenants`.
enum ManagedTenants: ManagedTable {
    static let name = "tenants"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM tenants m WHERE \(fragment: condition)"
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        for column in [
            "name", "timeZone", "templateText", "templates", "country", "window", "createContacts", "sourceFile",
        ] {
            try reader.text(column)
        }
        for column in [
            "quietHours", "frequencyCap", "defaults", "policy", "optOutWords", "notify", "webhook", "onUserCap",
            "retention", "testRecipients",
        ] {
            try reader.json(column)
        }
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] { content }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO tenants (
            id, "tenantId", name, "timeZone", "quietHours", "frequencyCap", defaults, policy, "optOutWords",
            "templateText", notify, webhook, "onUserCap", country, "window", "createContacts", retention, "testRecipients",
            templates, protect, "sourceFile", "managedBy"
        )
        SELECT r.*, 'spec' FROM \(fragment: recordset(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE tenants m SET
            name = r.name, "timeZone" = r."timeZone", "quietHours" = r."quietHours", "frequencyCap" = r."frequencyCap",
            defaults = r.defaults, policy = r.policy, "optOutWords" = r."optOutWords",
            "templateText" = r."templateText", notify = r.notify, webhook = r.webhook,
            "onUserCap" = r."onUserCap", country = r.country, "window" = r."window",
            "createContacts" = r."createContacts", retention = r.retention, "testRecipients" = r."testRecipients",
            templates = r.templates, protect = r.protect, "sourceFile" = r."sourceFile", "updatedAt" = now()
        FROM \(fragment: recordset(rows))
        WHERE m.id = r.id AND m."managedBy" = 'spec' AND m."archivedAt" IS NULL
        """
    }

    private static func recordset(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, "timeZone" text, "quietHours" jsonb, "frequencyCap" jsonb,
            defaults jsonb, policy jsonb, "optOutWords" jsonb, "templateText" text, notify jsonb, webhook jsonb,
            "onUserCap" jsonb, country text, "window" text, "createContacts" text, retention jsonb,
            "testRecipients" jsonb, templates text, protect boolean, "sourceFile" text
        )
        """
    }
}
