import Foundation
import JSON
import Postgres
import Spec

/// The table `campaign_triggers`, as far as specs own it.
///
/// The campaign of an active trigger repeats event and match in its own "triggerType" and "triggerConfig", where the
/// event is looked up; one statement writes both.
enum ManagedTriggers: ManagedTable {
    static let name = "campaign_triggers"

    /// Selects the rows; a campaign that differs from its trigger was changed by hand, and the row shows it.
    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        """
        SELECT m.*, \(fragment: reference("c")) AS campaign,
            CASE WHEN m."isActive" AND (c."triggerType", c."triggerConfig") IS DISTINCT FROM (m.event, m.match)
                THEN jsonb_strip_nulls(
                    jsonb_build_object('triggerType', c."triggerType", 'triggerConfig', c."triggerConfig")
                )
            END AS "campaignSays"
        FROM campaign_triggers m LEFT JOIN campaigns c ON c.id = m."campaignId" WHERE \(fragment: condition)
        """
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        reader.set("isActive", .bool(try reader.row.decode("isActive")))
        for column in ["name", "campaign", "event", "cooldown", "sourceFile"] { try reader.text(column) }
        for column in ["match", "campaignSays"] { try reader.json(column) }
        reader.set("custom", try reader.row.decode("custom", as: Bool.self) ? true : nil)
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] { content }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        WITH written AS (
            INSERT INTO campaign_triggers (
                id, "tenantId", name, "campaignId", event, custom, match, cooldown, "isActive", protect, "sourceFile",
                "managedBy"
            )
            SELECT r.id, r."tenantId", r.name, c.id, r.event, coalesce(r.custom, false), r.match, r.cooldown,
                r."isActive", r.protect, r."sourceFile", 'spec'
            FROM \(fragment: resolved(rows))
            RETURNING "campaignId", event, match, "isActive"
        ), \(fragment: said)
        SELECT 1 FROM written
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        WITH wanted AS MATERIALIZED (
            SELECT r.*, c.id AS target FROM \(fragment: resolved(rows))
        ), former AS MATERIALIZED (
            SELECT m.id, m."campaignId" FROM campaign_triggers m JOIN wanted w ON w.id = m.id
        ), written AS (
            UPDATE campaign_triggers m SET
                name = w.name, "campaignId" = w.target, event = w.event, custom = coalesce(w.custom, false),
                match = w.match, cooldown = w.cooldown, "isActive" = w."isActive", protect = w.protect,
                "sourceFile" = w."sourceFile", "updatedAt" = now()
            FROM wanted w
            WHERE m.id = w.id AND m."managedBy" = 'spec' AND m."archivedAt" IS NULL
            RETURNING m."campaignId", m.event, m.match, m."isActive"
        ), \(fragment: said), silenced AS (
            UPDATE campaigns c SET "triggerType" = NULL, "triggerConfig" = NULL, "updatedAt" = now()
            FROM (SELECT DISTINCT "campaignId" FROM former) f
            WHERE c.id = f."campaignId"
                AND c.id NOT IN (SELECT "campaignId" FROM written WHERE "isActive")
                AND \(fragment: hasNoOther("SELECT id FROM former"))
        )
        SELECT 1 FROM written
        """
    }

    /// Deactivates triggers too, because one may take the campaign of another in the same plan.
    static func parking(_ ids: [UUID]) -> PostgresQuery {
        """
        UPDATE campaign_triggers SET name = '~' || id, "isActive" = false
        WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
        """
    }

    static func archival(_ ids: [UUID]) -> PostgresQuery {
        """
        WITH former AS MATERIALIZED (
            SELECT id, "campaignId", "isActive" FROM campaign_triggers
            WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
        ), archived AS (
            UPDATE campaign_triggers m SET "archivedAt" = now(), "isActive" = false, "updatedAt" = now()
            FROM former WHERE m.id = former.id
            RETURNING 1
        ), silenced AS (
            UPDATE campaigns c SET "triggerType" = NULL, "triggerConfig" = NULL, "updatedAt" = now()
            FROM (SELECT DISTINCT "campaignId" FROM former WHERE "isActive") f
            WHERE c.id = f."campaignId" AND \(fragment: hasNoOther("SELECT id FROM former"))
        )
        SELECT 1 FROM archived
        """
    }

    /// The statement that copies event and match of the `written` triggers to their campaigns.
    private static let said: PostgresQuery = """
        said AS (
            UPDATE campaigns c SET "triggerType" = w.event, "triggerConfig" = w.match, "updatedAt" = now()
            FROM written w WHERE c.id = w."campaignId" AND w."isActive"
        )
        """

    private static func hasNoOther(_ ids: PostgresQuery) -> PostgresQuery {
        """
        NOT EXISTS (
            SELECT FROM campaign_triggers o
            WHERE o."campaignId" = c.id AND o."isActive" AND o."archivedAt" IS NULL AND o.id NOT IN (\(fragment: ids))
        )
        """
    }

    /// Selects the rows with their campaigns.
    ///
    /// A row whose campaign does not exist is left out, which the row count reveals.
    private static func resolved(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, campaign text, event text, custom boolean, match jsonb, cooldown text,
            "isActive" boolean, protect boolean, "sourceFile" text
        )
        JOIN campaigns c ON c."tenantId" = r."tenantId" AND c.name = r.campaign
            AND c."managedBy" = 'spec' AND c."archivedAt" IS NULL
        """
    }
}
