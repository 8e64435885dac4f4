-- What firing schedules and triggers need.

-- What became of each time of a schedule. A row stands for several times when they were missed together.
CREATE TABLE schedule_occurrences (
    "scheduleId" uuid NOT NULL REFERENCES campaign_schedules (id) ON DELETE CASCADE,
    "scheduledFor" timestamptz NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    outcome varchar(10) NOT NULL CHECK (outcome IN ('started', 'skipped', 'failed')),
    -- Why it was skipped or failed, for people.
    reason text,
    "runId" uuid REFERENCES campaign_runs (id) ON DELETE SET NULL,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("scheduleId", "scheduledFor")
);
CREATE INDEX "schedule_occurrences_createdAt_index" ON schedule_occurrences USING brin ("createdAt");

-- Campaigns that start once, at a time of their own.
CREATE INDEX "campaigns_scheduledAt_index" ON campaigns ("scheduledAt") WHERE status = 'scheduled';

-- A campaign whose schedule has a next time is `scheduled` while nothing of it is under way, whoever wrote the schedule;
-- when the last one is gone it is a draft again.
CREATE FUNCTION follow_campaign_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Of both campaigns, when the schedule went from one to another.
    UPDATE campaigns c
    SET status = CASE
            WHEN f.fires THEN 'scheduled'
            WHEN EXISTS (SELECT FROM campaign_runs r WHERE r."campaignId" = c.id) THEN 'completed'
            ELSE 'draft'
        END::campaign_status_enum,
        "updatedAt" = now()
    FROM (
        SELECT w.id, EXISTS (
            SELECT FROM campaign_schedules s WHERE s."campaignId" = w.id
                AND s."isActive" AND s."nextRunAt" IS NOT NULL AND s."archivedAt" IS NULL
        ) AS fires
        FROM (SELECT NEW."campaignId" UNION SELECT CASE WHEN TG_OP = 'UPDATE' THEN OLD."campaignId" END) AS w(id)
    ) f
    WHERE c.id = f.id AND (
        (f.fires AND c.status IN ('draft', 'completed'))
        OR (NOT f.fires AND c.status = 'scheduled' AND c."scheduledAt" IS NULL)
    );
    RETURN NULL;
END
$$;
INSERT INTO campaign_status_moves VALUES ('scheduled', 'completed');
CREATE TRIGGER campaign_schedule_followed
    AFTER INSERT OR UPDATE OF "nextRunAt", "isActive", "archivedAt", "campaignId" ON campaign_schedules
    FOR EACH ROW EXECUTE FUNCTION follow_campaign_schedule();

-- Daemons sleep until the next time they know of, and are told when there is another.
CREATE FUNCTION announce_schedules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('campaign_schedules', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER campaign_schedules_announced
    AFTER INSERT OR UPDATE OF "nextRunAt", "isActive" ON campaign_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION announce_schedules();
CREATE TRIGGER campaigns_scheduled_announced
    AFTER INSERT OR UPDATE OF "scheduledAt", status ON campaigns
    FOR EACH ROW WHEN (NEW.status = 'scheduled' AND NEW."scheduledAt" IS NOT NULL)
    EXECUTE FUNCTION announce_schedules();
-- Some starts wait until the run before has ended.
CREATE TRIGGER campaign_runs_ended_announced AFTER UPDATE OF status ON campaign_runs
    FOR EACH ROW WHEN (NEW.status IN ('completed', 'failed', 'cancelled') AND OLD.status <> NEW.status)
    EXECUTE FUNCTION announce_schedules();

-- The standing run of a trigger takes messages as events come. When its campaign's content changes, a new one takes
-- its place, and it ends when its messages have.
ALTER TABLE campaign_runs
    ADD COLUMN "isTriggered" boolean NOT NULL DEFAULT false,
    ADD COLUMN "supersededAt" timestamptz;
DROP INDEX "campaign_runs_active_key";
CREATE UNIQUE INDEX "campaign_runs_active_key" ON campaign_runs ("campaignId")
    WHERE status IN ('launching', 'running', 'paused') AND "supersededAt" IS NULL;

CREATE INDEX "campaigns_tenantId_triggerType_index" ON campaigns ("tenantId", "triggerType")
    WHERE "triggerType" IS NOT NULL AND "archivedAt" IS NULL;

-- Each event that came in, with the answer it got: who repeats an event gets the same one.
CREATE TABLE trigger_events (
    id uuid PRIMARY KEY,
    "tenantId" varchar(50) NOT NULL,
    event varchar(50) NOT NULL,
    -- The sender's own name for it; NULL when it gave none, and then nobody recognizes a repetition.
    "eventId" varchar(255),
    "contactId" varchar(50) NOT NULL,
    context jsonb,
    answer jsonb NOT NULL,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "trigger_events_eventId_key" ON trigger_events ("tenantId", event, "eventId")
    WHERE "eventId" IS NOT NULL;
CREATE INDEX "trigger_events_createdAt_index" ON trigger_events USING brin ("createdAt");
