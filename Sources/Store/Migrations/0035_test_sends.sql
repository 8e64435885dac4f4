-- Messages to test recipients: what a campaign would send, to named people, before it goes out.

-- The numbers that may get test messages, as an array of texts in the international form; NULL means none.
ALTER TABLE tenants ADD COLUMN "testRecipients" jsonb;

-- The campaign whose message this row sends to test recipients; NULL for campaigns. Such a row is a copy that is archived from the
-- beginning: it has the run and the messages of one test, so that the campaign's own runs, counts and state know nothing of it.
ALTER TABLE campaigns ADD COLUMN "testOf" uuid REFERENCES campaigns (id) ON DELETE CASCADE;
ALTER TABLE campaigns ADD CONSTRAINT "campaigns_testOf_check" CHECK ("testOf" IS NULL OR "archivedAt" IS NOT NULL);
CREATE INDEX "campaigns_testOf_index" ON campaigns ("testOf", "createdAt") WHERE "testOf" IS NOT NULL;

-- True for the run of a test, which no count of a tenant contains.
ALTER TABLE campaign_runs ADD COLUMN "isTest" boolean NOT NULL DEFAULT false;

-- As before, but nothing is told of tests.
CREATE OR REPLACE FUNCTION notify_tenant(
    tenant text, reasons text[], campaign uuid, run uuid, what text, why text, who text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    IF EXISTS (SELECT FROM campaign_runs r WHERE r.id = run AND r."isTest") THEN
        RETURN;
    END IF;
    SELECT x.reason INTO told FROM tenants t CROSS JOIN unnest(reasons) WITH ORDINALITY AS x(reason, number)
    WHERE t."tenantId" = tenant AND t."archivedAt" IS NULL AND t.notify -> 'on' ? x.reason
    ORDER BY x.number LIMIT 1;
    IF told IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO notifications ("tenantId", reason, event)
    SELECT tenant, told, jsonb_strip_nulls(jsonb_build_object(
        'campaign', c.name, 'campaignId', c.id, 'title', c.title, 'runId', r.id, 'what', what, 'why', why, 'who', who,
        'at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'numbers', CASE WHEN r.id IS NOT NULL THEN jsonb_build_object(
            'recipients', greatest(r."recipientCount", r."expectedCount"),
            'waiting', r.pending + r.queued + r.sending, 'sent', r.sent, 'delivered', r.delivered, 'read', r.read,
            'failed', r.failed, 'cancelled', r.cancelled, 'unconfirmed', r.unconfirmed
        ) END
    ))
    FROM (SELECT 1) one LEFT JOIN campaigns c ON c.id = campaign LEFT JOIN campaign_runs r ON r.id = run;
    PERFORM pg_notify('campaign_notifications', '');
END
$$;
