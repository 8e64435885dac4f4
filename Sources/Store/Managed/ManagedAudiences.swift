import Postgres
import Spec

/// The table `audiences`.
enum ManagedAudiences: ManagedTable {
    static let name = "audiences"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM audiences m WHERE \(fragment: condition)"
    }

    static func row(_ row: PostgresRow) throws -> ManagedRow {
        let header = SpecHeader(name: try row.decode("name"), protect: try row.decode("protect"))
        let stored = try row.json("filter") ?? .null
        var content: [String: JSONValue]
        if let filter = stored.readableFilter {
            content = AudienceSpec(header: header, filter: filter).canonical.objectValue ?? [:]
        } else {
            content = ["name": .string(header.name), "protect": .bool(header.protect), "filter": stored]
        }
        content["sourceFile"] = try row.text("sourceFile")
        return ManagedRow(
            id: try row.decode("id"),
            identity: SpecIdentity(tenant: try row.decode("tenantId"), kind: .audience, name: header.name),
            content: .object(content)
        )
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] {
        var columns = content
        columns["filter"] = [
            "logic": columns.removeValue(forKey: "logic") ?? "AND",
            "conditions": columns.removeValue(forKey: "conditions") ?? [],
        ]
        return columns
    }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO audiences (id, "tenantId", name, filter, protect, "sourceFile", "managedBy")
        SELECT r.*, 'spec' FROM \(fragment: recordset(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE audiences a SET
            name = r.name, filter = r.filter, protect = r.protect, "sourceFile" = r."sourceFile", "updatedAt" = now()
        FROM \(fragment: recordset(rows))
        WHERE a.id = r.id AND a."managedBy" = 'spec' AND a."archivedAt" IS NULL
        """
    }

    private static func recordset(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, filter jsonb, protect boolean, "sourceFile" text
        )
        """
    }
}

extension JSONValue {
    /// The filter that this is, or `nil` if somebody wrote something else by hand: then it is compared as it stands.
    var readableFilter: AudienceFilter? {
        do { return try AudienceFilter(json: self) } catch { return nil }
    }
}
