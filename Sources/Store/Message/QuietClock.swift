import Postgres

/// The clock on which a tenant's quiet hours are read: the parts of the claim that make messages wait for their end.
///
/// On the clock of the tenant all messages of a lane wait at once, so they stay in it. On the clocks of contacts only some of
/// them wait. These leave the lane, because Redis must not grow with a campaign: such a message is `pending` with
/// `"nextAttemptAt"`, and is fed when ``MessageRepository/feedQuiet(limit:)`` finds it due.
///
/// The tenant is `t`, the contact `c`, the run `r`, and `w` has the end of quiet hours.
enum QuietClock {
    /// The end of quiet hours for claims that know nothing of clocks of contacts.
    ///
    /// The lane learns within a second that its tenant has turned to them; until then its messages go back to it.
    static let quietUntilOfTenant: PostgresQuery = """
        CASE
            WHEN t."quietHours" ->> 'clock' = 'contact' THEN clock_timestamp() + interval '1 second'
            ELSE quiet_until(t."quietHours", t."timeZone", clock_timestamp())
        END
        """

    /// The end of quiet hours on the clock that the tenant names.
    static let quietUntil: PostgresQuery = """
        CASE
            WHEN t."quietHours" ->> 'clock' = 'contact' THEN contact_quiet_until(
                t."quietHours", c.metadata, \(fragment: AudienceZones.number), t."timeZone", clock_timestamp()
            )
            ELSE quiet_until(t."quietHours", t."timeZone", clock_timestamp())
        END
        """

    /// The rest of a condition: quiet hours are those of the tenant's clock.
    static let isOfTenant: PostgresQuery = "AND t.\"quietHours\" ->> 'clock' IS DISTINCT FROM 'contact'"

    /// True if it is quiet on the clock of the contact.
    static let waits: PostgresQuery = "w.\"quietUntil\" IS NOT NULL AND t.\"quietHours\" ->> 'clock' = 'contact'"

    /// A column more of the decision, true if the message waits in Postgres and not because its run is paused.
    static let waiting: PostgresQuery = """
        , k.code IS NULL AND \(fragment: waits) AND r.status IN \(anyOf: RunStatus.launched)
            AND NOT (r.status = \(run: .paused) AND (r."quotaUntil" IS NULL OR w.closed)) AS waits
        """

    /// The expression that sets the alarms of the messages in `changed`.
    static let alarm: PostgresQuery = """
        alarmed AS (
            INSERT INTO quiet_messages AS k ("messageId", "runId", "dueAt")
            SELECT id, "runId", "waitUntil" FROM changed WHERE new = \(message: .pending) AND "waitUntil" IS NOT NULL
            ON CONFLICT ("messageId") DO UPDATE SET "dueAt" = excluded."dueAt"
        )
        """

    /// The rules of the tenant of a run `r`, if messages wait for the end of quiet hours on the clocks of their contacts.
    static let hours: PostgresQuery = """
        (
            SELECT t."quietHours" FROM tenants t
            WHERE t."tenantId" = r."tenantId" AND t."archivedAt" IS NULL
                AND t."quietHours" ->> 'clock' = 'contact' AND t."quietHours" ->> 'action' = 'wait'
        )
        """
}
