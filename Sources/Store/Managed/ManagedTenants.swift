import Postgres
import Spec

/// The table `tenants`.
enum ManagedTenants: ManagedTable {
    static let name = "tenants"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM tenants m WHERE \(fragment: condition)"
    }

    static func row(_ row: PostgresRow) throws -> ManagedRow {
        var content: [String: JSONValue] = ["protect": .bool(try row.decode("protect"))]
        for column in ["name", "timeZone", "sourceFile"] { content[column] = try row.text(column) }
        for column in ["quietHours", "frequencyCap", "defaults", "policy", "optOutWords"] {
            content[column] = try row.json(column)
        }
        return ManagedRow(id: try row.decode("id"), identity: try row.identity(.tenant), content: .object(content))
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] { content }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO tenants (
            id, "tenantId", name, "timeZone", "quietHours", "frequencyCap", defaults, policy, "optOutWords", protect,
            "sourceFile", "managedBy"
        )
        SELECT r.*, 'spec' FROM \(fragment: recordset(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE tenants m SET
            name = r.name, "timeZone" = r."timeZone", "quietHours" = r."quietHours", "frequencyCap" = r."frequencyCap",
            defaults = r.defaults, policy = r.policy, "optOutWords" = r."optOutWords", protect = r.protect,
            "sourceFile" = r."sourceFile", "updatedAt" = now()
        FROM \(fragment: recordset(rows))
        WHERE m.id = r.id AND m."managedBy" = 'spec' AND m."archivedAt" IS NULL
        """
    }

    private static func recordset(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, "timeZone" text, "quietHours" jsonb, "frequencyCap" jsonb,
            defaults jsonb, policy jsonb, "optOutWords" jsonb, protect boolean, "sourceFile" text
        )
        """
    }
}
