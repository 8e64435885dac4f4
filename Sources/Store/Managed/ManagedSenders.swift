import JSON
import Postgres
import Spec

/// The table `senders`.
enum ManagedSenders: ManagedTable {
    static let name = "senders"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        """
        SELECT m.*, CASE WHEN starts_with(m."quotaGroup", m."tenantId" || '/')
            THEN substr(m."quotaGroup", length(m."tenantId") + 2) ELSE m."quotaGroup" END AS "quotaName",
            \(fragment: reference("a")) AS account
        FROM senders m \(fragment: ManagedAccounts.joined) WHERE \(fragment: condition)
        """
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        let dailyLimit = try reader.row.decode("dailyLimit", as: Int?.self)
        reader.set("dailyLimit", dailyLimit.map(JSONValue.integer) ?? "unlimited")
        reader.set("ratePerSecond", .integer(try reader.row.decode("ratePerSecond")))
        for column in texts { try reader.text(column) }
        try reader.text("quotaName", as: "quotaGroup")
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] {
        var columns = content
        if columns["dailyLimit"] == "unlimited" { columns["dailyLimit"] = nil }
        return columns
    }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO senders (
            id, "tenantId", name, "phoneNumberId", "accessToken", "dailyLimit", "ratePerSecond", "quotaGroup",
            "pairLimit", "onQuotaExhausted", "unconfirmedPolicy", protect, "sourceFile", "accountId", "managedBy"
        )
        SELECT r.id, r."tenantId", r.name, r."phoneNumberId", r."accessToken", r."dailyLimit", r."ratePerSecond",
            r."quotaGroup", r."pairLimit", r."onQuotaExhausted", r."unconfirmedPolicy", r.protect, r."sourceFile",
            a.id, 'spec'
        FROM \(fragment: resolved(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE senders s SET
            name = r.name, "phoneNumberId" = r."phoneNumberId", "accessToken" = r."accessToken",
            "dailyLimit" = r."dailyLimit", "ratePerSecond" = r."ratePerSecond", "quotaGroup" = r."quotaGroup",
            "pairLimit" = r."pairLimit", "onQuotaExhausted" = r."onQuotaExhausted",
            "unconfirmedPolicy" = r."unconfirmedPolicy", protect = r.protect, "sourceFile" = r."sourceFile",
            "accountId" = a.id, "updatedAt" = now()
        FROM \(fragment: resolved(rows)) AND s.id = r.id AND s."managedBy" = 'spec' AND s."archivedAt" IS NULL
        """
    }

    /// Selects the rows with their accounts; a row whose account does not exist is left out, which the row count reveals.
    private static func resolved(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, "phoneNumberId" text, "accessToken" text, "dailyLimit" integer,
            "ratePerSecond" integer, "quotaGroup" text, "pairLimit" text, "onQuotaExhausted" text,
            "unconfirmedPolicy" text, protect boolean, "sourceFile" text, account text
        )
        \(fragment: ManagedAccounts.named)
        WHERE (r.account IS NULL) = (a.id IS NULL)
        """
    }

    private static let texts = [
        "name", "phoneNumberId", "accessToken", "pairLimit", "onQuotaExhausted", "unconfirmedPolicy", "sourceFile",
        "account",
    ]
}
