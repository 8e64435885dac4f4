import JSON
import Postgres
import Spec

/// The table `audiences`.
enum ManagedAudiences: ManagedTable {
    static let name = "audiences"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM audiences m WHERE \(fragment: condition)"
    }

    static func read(_ reader: inout ContentReader) throws {
        for column in ["name", "sourceFile"] { try reader.text(column) }
        reader.set("protect", .bool(try reader.row.decode("protect")))
        try reader.fields(of: "filter") { stored in
            guard let filter = stored.readableFilter else { return ["filter": stored] }
            // The header is in columns of its own.
            let spec = AudienceSpec(header: SpecHeader(name: ""), filter: filter)
            var fields = spec.canonical.fields ?? [:]
            for key in ["name", "protect"] { fields[key] = nil }
            return fields
        }
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
    /// The value as a filter; `nil` if it is not a valid filter after an edit by hand, and is compared unchanged.
    var readableFilter: AudienceFilter? {
        do { return try AudienceFilter(stored: self) } catch { return nil }
    }
}
