import JSON
import Postgres
import Spec

/// The table `accounts`.
enum ManagedAccounts: ManagedTable {
    static let name = "accounts"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM accounts m WHERE \(fragment: condition)"
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        for column in ["name", "wabaId", "accessToken", "appId", "businessId", "currency", "sourceFile"] {
            try reader.text(column)
        }
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] { content }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO accounts (
            id, "tenantId", name, "wabaId", "accessToken", "appId", "businessId", currency, protect, "sourceFile",
            "managedBy"
        )
        SELECT r.*, 'spec' FROM \(fragment: recordset(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE accounts a SET
            name = r.name, "wabaId" = r."wabaId", "accessToken" = r."accessToken", "appId" = r."appId",
            "businessId" = r."businessId", currency = r.currency, protect = r.protect, "sourceFile" = r."sourceFile",
            "updatedAt" = now()
        FROM \(fragment: recordset(rows))
        WHERE a.id = r.id AND a."managedBy" = 'spec' AND a."archivedAt" IS NULL
        """
    }

    private static func recordset(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, "wabaId" text, "accessToken" text, "appId" text, "businessId" text,
            currency text, protect boolean, "sourceFile" text
        )
        """
    }
}

extension ManagedAccounts {
    /// The account of a row of `m`, as the table `a`; see ``ManagedTable/reference(_:)``.
    static let joined: PostgresQuery = #"LEFT JOIN accounts a ON a.id = m."accountId""#

    /// The account that a row of `r` names, as the table `a`.
    static let named: PostgresQuery = """
        LEFT JOIN accounts a ON a."tenantId" = r."tenantId" AND a.name = r.account
            AND a."managedBy" = 'spec' AND a."archivedAt" IS NULL
        """
}
