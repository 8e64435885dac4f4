import Foundation
import JSON
import Postgres
import Spec

/// The table `campaign_schedules`, as far as specs own it.
///
/// The next fire time is not part of the content, because daemons change it. It is written together with the content,
/// as ``ManagedRow/NextRun`` says.
enum ManagedSchedules: ManagedTable {
    static let name = "campaign_schedules"

    static func selection(_ condition: PostgresQuery) -> PostgresQuery {
        """
        SELECT m.*, \(fragment: reference("c")) AS campaign
        FROM campaign_schedules m LEFT JOIN campaigns c ON c.id = m."campaignId" WHERE \(fragment: condition)
        """
    }

    static func read(_ reader: inout ContentReader) throws {
        reader.set("protect", .bool(try reader.row.decode("protect")))
        reader.set("isActive", .bool(try reader.row.decode("isActive")))
        reader.set("localTime", .bool(try reader.row.decode("localTime")))
        reader.set("startWhenApproved", .bool(try reader.row.decode("startWhenApproved")))
        for column in texts { try reader.text(column) }
        try reader.text("cronExpression", as: "cron")
        reader.set("maxRuns", try reader.row.decode("maxRuns", as: Int?.self).map(JSONValue.integer))
        try reader.json("dst")
    }

    static func state(_ row: PostgresRow) throws -> ManagedRow.State {
        let progress = ManagedRow.Progress(
            runCount: try row.decode("runCount"),
            nextRunAt: try row.decode("nextRunAt")
        )
        return ManagedRow.State(progress: progress)
    }

    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue] {
        var columns = content
        columns["cronExpression"] = columns.removeValue(forKey: "cron")
        return columns
    }

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery {
        """
        INSERT INTO campaign_schedules (
            id, "tenantId", name, "campaignId", "cronExpression", at, "timeZone", "from", until, "maxRuns", misfire,
            "misfireWindow", overlap, dst, "localTime", "startWhenApproved", "isActive", protect, "sourceFile", "nextRunAt",
            "managedBy"
        )
        SELECT r.id, r."tenantId", r.name, c.id, r."cronExpression", r.at, r."timeZone", r."from", r.until, r."maxRuns",
            r.misfire, r."misfireWindow", r.overlap, r.dst, r."localTime", r."startWhenApproved", r."isActive", r.protect,
            r."sourceFile", CASE WHEN r."isActive" THEN to_timestamp(r."nextRunAt") END, 'spec'
        FROM \(fragment: resolved(rows))
        """
    }

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery {
        """
        UPDATE campaign_schedules m SET
            name = r.name, "campaignId" = c.id, "cronExpression" = r."cronExpression", at = r.at,
            "timeZone" = r."timeZone", "from" = r."from", until = r.until, "maxRuns" = r."maxRuns", misfire = r.misfire,
            "misfireWindow" = r."misfireWindow", overlap = r.overlap, dst = r.dst, "isActive" = r."isActive",
            "localTime" = r."localTime", "startWhenApproved" = r."startWhenApproved", protect = r.protect, "sourceFile" = r."sourceFile", "updatedAt" = now(),
            "nextRunAt" = CASE
                WHEN NOT r."isActive" OR m."runCount" >= r."maxRuns" THEN NULL
                WHEN r."nextRunRule" = 'keep' THEN m."nextRunAt"
                WHEN r."nextRunRule" = 'fill' THEN coalesce(m."nextRunAt", to_timestamp(r."nextRunAt"))
                ELSE to_timestamp(r."nextRunAt")
            END
        FROM \(fragment: resolved(rows))
        WHERE m.id = r.id AND m."managedBy" = 'spec' AND m."archivedAt" IS NULL
        """
    }

    static func archival(_ ids: [UUID]) -> PostgresQuery {
        """
        UPDATE campaign_schedules
        SET "archivedAt" = now(), "isActive" = false, "nextRunAt" = NULL, "updatedAt" = now()
        WHERE id = ANY(\(ids)::uuid[]) AND "managedBy" = 'spec' AND "archivedAt" IS NULL
        """
    }

    /// Selects the rows with their campaigns.
    ///
    /// A row whose campaign does not exist is left out, which the row count reveals.
    private static func resolved(_ rows: PostgresJSON) -> PostgresQuery {
        """
        jsonb_to_recordset(\(rows)::jsonb) AS r(
            id uuid, "tenantId" text, name text, campaign text, "cronExpression" text, at text, "timeZone" text,
            "from" text, until text, "maxRuns" integer, misfire text, "misfireWindow" text, overlap text, dst jsonb,
            "localTime" boolean, "startWhenApproved" boolean, "isActive" boolean, protect boolean, "sourceFile" text,
            "nextRunAt" bigint, "nextRunRule" text
        )
        JOIN campaigns c ON c."tenantId" = r."tenantId" AND c.name = r.campaign
            AND c."managedBy" = 'spec' AND c."archivedAt" IS NULL
        """
    }

    private static let texts = [
        "name", "campaign", "at", "timeZone", "from", "until", "misfire", "misfireWindow", "overlap", "sourceFile",
    ]
}
