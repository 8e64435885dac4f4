import Foundation
import JSON
import Postgres
import Spec

/// The table `campaigns`, as far as specs own it.
enum ManagedCampaigns: ManagedTable {
    static let name = "campaigns"

    /// Selects the rows; an unmanaged row without a title gets its name as title, as in specs.
    ///
    /// The open runs are few, so they are read once instead of being looked up for each campaign.
    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        """
        SELECT m.id, m."tenantId", m.name,
            coalesce(m.title, CASE WHEN m."managedBy" IS NULL THEN m.name END) AS title,
            m.type::text AS type, m.protect, m."sourceFile", m."sourceModule", m."sourceReferenceId",
            m."messageTemplate", m."templateParams", m."audienceFilter", m."templateText", m."onUserCap", m."startWhenApproved",
            m.language, \(fragment: reference("s")) AS sender, \(fragment: reference("t")) AS template,
            \(fragment: reference("a")) AS audience,
            m.id IN (
                SELECT r."campaignId" FROM campaign_runs r
                WHERE r.status IN \(anyOf: RunStatus.open)
                    AND (NOT r."isTriggered" OR r.pending + r.queued + r.sending > 0)
            ) AS "hasRunUnderWay"
        FROM campaigns m
        LEFT JOIN senders s ON s.id = m."senderId"
        LEFT JOIN templates t ON t.id = m."templateId"
        LEFT JOIN audiences a ON a.id = m."audienceId"
        WHERE \(fragment: condition)
        """
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        for column in ["name", "title", "type", "sender", "template", "templateText", "sourceFile", "language"] {
            try reader.text(column)
        }
        for column in ["sourceModule", "sourceReferenceId"] { try reader.text(column) }
        try reader.json("onUserCap")
        if let starts = try reader.row.decode("startWhenApproved", as: Bool?.self) {
            reader.set("startWhenApproved", .bool(starts))
        }
        try reader.json("messageTemplate", as: "message")
        try reader.json("templateParams", as: "params")
        let isNamed = try reader.row.text("audience") != nil
        if isNamed { try reader.text("audience") }
        try reader.json("audienceFilter", as: isNamed ? "audienceFilter" : "audience") { $0.readableFilter?.json ?? $0 }
    }

    static func state(_ row: PostgresRow) throws -> ManagedRow.State {
        ManagedRow.State(hasRunUnderWay: try row.decode("hasRunUnderWay"))
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] {
        var columns = content
        if content["audience"]?.stringValue == nil {
            columns["audienceFilter"] = columns.removeValue(forKey: "audience")
        }
        return columns
    }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO campaigns (
            id, "tenantId", name, title, type, "senderId", "messageTemplate", "templateId", "templateParams",
            "audienceId", "audienceFilter", "templateText", "onUserCap", "startWhenApproved", protect, "sourceFile",
            "sourceModule", "sourceReferenceId", language, "managedBy"
        )
        SELECT r.id, r."tenantId", r.name, r.title, r.type::campaign_type_enum, s.id, r.message, t.id, r.params, a.id,
            r."audienceFilter", r."templateText", r."onUserCap", r."startWhenApproved", r.protect, r."sourceFile",
            r."sourceModule", r."sourceReferenceId", r.language, 'spec'
        FROM \(fragment: resolved(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE campaigns c SET
            name = r.name, title = r.title, type = r.type::campaign_type_enum, "senderId" = s.id,
            "messageTemplate" = r.message, "templateId" = t.id, "templateParams" = r.params, "audienceId" = a.id,
            "audienceFilter" = r."audienceFilter", "templateText" = r."templateText", "onUserCap" = r."onUserCap",
            "startWhenApproved" = r."startWhenApproved", protect = r.protect, "sourceFile" = r."sourceFile",
            "sourceModule" = r."sourceModule",
            "sourceReferenceId" = r."sourceReferenceId", language = r.language, "updatedAt" = now()
        FROM \(fragment: resolved(rows)) AND c.id = r.id AND c."managedBy" = 'spec' AND c."archivedAt" IS NULL
        """
    }

    /// Stops all schedules and triggers of archived campaigns, also those of the API.
    static func archival(_ ids: [UUID]) -> PostgresQuery {
        """
        WITH schedules AS (
            UPDATE campaign_schedules SET "isActive" = false, "nextRunAt" = NULL, "updatedAt" = now()
            WHERE "campaignId" = ANY(\(ids)::uuid[]) AND ("isActive" OR "nextRunAt" IS NOT NULL)
        ), triggers AS (
            UPDATE campaign_triggers SET "isActive" = false, "updatedAt" = now()
            WHERE "campaignId" = ANY(\(ids)::uuid[]) AND "isActive"
        )
        UPDATE campaigns SET "archivedAt" = now(), "triggerType" = NULL, "triggerConfig" = NULL, "updatedAt" = now()
        WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
        """
    }

    /// Selects the rows with the rows that they refer to.
    ///
    /// A row whose reference does not exist is left out, which the row count reveals.
    private static func resolved(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, title text, type text, sender text, message jsonb, template text,
            params jsonb, audience text, "audienceFilter" jsonb, "templateText" text, "onUserCap" jsonb,
            "startWhenApproved" boolean, protect boolean, "sourceFile" text, "sourceModule" text, "sourceReferenceId" text,
            language text
        )
        JOIN senders s ON s."tenantId" = r."tenantId" AND s.name = r.sender
            AND s."managedBy" = 'spec' AND s."archivedAt" IS NULL
        LEFT JOIN templates t ON t."tenantId" = r."tenantId" AND t.name = r.template
            AND t."managedBy" = 'spec' AND t."archivedAt" IS NULL
        LEFT JOIN audiences a ON a."tenantId" = r."tenantId" AND a.name = r.audience
            AND a."managedBy" = 'spec' AND a."archivedAt" IS NULL
        WHERE (r.template IS NULL) = (t.id IS NULL) AND (r.audience IS NULL) = (a.id IS NULL)
        """
    }
}
