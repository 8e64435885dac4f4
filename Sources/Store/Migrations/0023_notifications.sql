-- People of a tenant are told what happened to its campaigns, if the tenant says where: an outbox, which is written in the
-- transaction of what it tells of, and posted by the daemons. Triggers write it, so that it also tells of what daemons and
-- commands of the version before do.

-- The receiver: {"url", "secret", "format", "on"}; NULL if nobody is to be told.
ALTER TABLE tenants ADD COLUMN notify jsonb;
ALTER TABLE tenants ADD CONSTRAINT tenants_notify_secret_check CHECK (notify ->> 'secret' ~ '^(env:|file:/)');

CREATE TABLE notifications (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "tenantId" varchar(50) NOT NULL,
    reason varchar(10) NOT NULL,
    event jsonb NOT NULL,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    -- The post that it belongs to; NULL until there is one.
    "postId" uuid,
    "postedAt" timestamptz,
    "givenUpAt" timestamptz
);
CREATE INDEX "notifications_waiting_index" ON notifications ("tenantId", reason, id) WHERE "postId" IS NULL;
CREATE INDEX "notifications_postId_index" ON notifications ("postId") WHERE "postId" IS NOT NULL;

-- One row for each tenant and reason that was ever told of: the post that is under way, and when the next may begin.
CREATE TABLE notification_posts (
    "tenantId" varchar(50) NOT NULL,
    reason varchar(10) NOT NULL,
    -- NULL if no post is under way.
    "postId" uuid,
    attempts integer NOT NULL DEFAULT 0,
    "firstAt" timestamptz,
    -- Nothing is posted before: a daemon holds the post, an attempt failed, or the last post is not a minute old.
    "dueAt" timestamptz NOT NULL DEFAULT now(),
    -- Why the last attempt failed.
    failure text,
    PRIMARY KEY ("tenantId", reason)
);

-- Tells a tenant of something under the first of some reasons that it asks for.
CREATE FUNCTION notify_tenant(
    tenant text, reasons text[], campaign uuid, run uuid, what text, why text, who text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
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

-- A run was paused, or a guard ended its launch.
CREATE FUNCTION notify_of_action() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_tenant(
        NEW."tenantId",
        CASE
            WHEN NEW.action = 'cancel' THEN ARRAY['failed']
            WHEN NEW.who = 'guard:quota' THEN ARRAY['quota', 'paused']
            WHEN NEW.who = 'guard:template' THEN ARRAY['template', 'paused']
            ELSE ARRAY['paused']
        END,
        (SELECT r."campaignId" FROM campaign_runs r WHERE r.id = NEW."runId"), NEW."runId",
        CASE NEW.action WHEN 'cancel' THEN 'cancelled' ELSE 'paused' END, NEW.reason, NEW.who
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER run_actions_told AFTER INSERT ON run_actions
    FOR EACH ROW WHEN (NEW.action = 'pause' OR (NEW.action = 'cancel' AND starts_with(NEW.who, 'guard:')))
    EXECUTE FUNCTION notify_of_action();

CREATE FUNCTION notify_of_completion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_tenant(NEW."tenantId", ARRAY['completed'], NEW."campaignId", NEW.id, 'completed', NULL, NULL);
    RETURN NULL;
END
$$;
-- A superseded run ends beside the one that took its place, which goes on.
CREATE TRIGGER campaign_runs_completion_told AFTER UPDATE OF status ON campaign_runs
    FOR EACH ROW WHEN (NEW.status = 'completed' AND OLD.status <> NEW.status AND NEW."supersededAt" IS NULL)
    EXECUTE FUNCTION notify_of_completion();

CREATE FUNCTION notify_of_failed_start() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_tenant(NEW."tenantId", ARRAY['failed'], NEW.id, NULL, 'startFailed', NEW."statusReason", 'schedule');
    RETURN NULL;
END
$$;
CREATE TRIGGER campaigns_failed_start_told AFTER UPDATE OF status ON campaigns
    FOR EACH ROW WHEN (NEW.status = 'failed' AND OLD.status <> NEW.status)
    EXECUTE FUNCTION notify_of_failed_start();

CREATE FUNCTION notify_of_failed_occurrence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_tenant(
        NEW."tenantId", ARRAY['failed'],
        (SELECT s."campaignId" FROM campaign_schedules s WHERE s.id = NEW."scheduleId"), NULL,
        'startFailed', NEW.reason, 'schedule'
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER schedule_occurrences_failure_told AFTER INSERT ON schedule_occurrences
    FOR EACH ROW WHEN (NEW.outcome = 'failed')
    EXECUTE FUNCTION notify_of_failed_occurrence();
