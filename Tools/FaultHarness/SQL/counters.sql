-- The runs whose counters do not equal their rows, in one snapshot.
SELECT r.id::text FROM campaign_runs r
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'sending') AS sending, count(*) FILTER (WHERE status = 'sent') AS sent,
        count(*) FILTER (WHERE status = 'delivered') AS delivered, count(*) FILTER (WHERE status = 'read') AS read,
        count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE status = 'unconfirmed') AS unconfirmed
    FROM campaign_messages WHERE "runId" = r.id
) m ON true
WHERE (r.pending, r.queued, r.sending, r.sent, r.delivered, r.read, r.failed, r.cancelled, r.unconfirmed)
    IS DISTINCT FROM (m.pending, m.queued, m.sending, m.sent, m.delivered, m.read, m.failed, m.cancelled, m.unconfirmed)
