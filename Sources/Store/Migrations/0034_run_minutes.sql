-- The past as dashboards show it: messages by the minute, rate limits, and the daemons that ran.

-- The counters of runs by the minute in which they moved, written in the statements that move them. A row is only written
-- by a transaction that has locked its run, so it makes no transaction wait. Only the key is indexed by a tree, so that
-- updates stay on their page.
CREATE TABLE run_minutes (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    minute timestamptz NOT NULL,
    -- Messages that WhatsApp accepted.
    accepted integer NOT NULL,
    -- Accepted messages that failed after all, or that wait because WhatsApp caps their recipient.
    revoked integer NOT NULL,
    -- Messages that arrived, also those that were read.
    delivered integer NOT NULL,
    read integer NOT NULL,
    -- Messages that failed, without those that arrived after all: it may be negative.
    failed integer NOT NULL,
    -- Attempts that failed and that another one follows.
    retried integer NOT NULL,
    PRIMARY KEY ("runId", minute)
) WITH (fillfactor = 50);
CREATE INDEX "run_minutes_minute_index" ON run_minutes USING brin (minute);

-- Pauses of lanes for rate limits, by the minute in which WhatsApp answered so.
CREATE TABLE sender_throttles (
    "senderId" uuid NOT NULL REFERENCES senders (id) ON DELETE CASCADE,
    minute timestamptz NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    count integer NOT NULL,
    until timestamptz NOT NULL,
    reason varchar(300),
    PRIMARY KEY ("senderId", minute)
);

-- When the daemon stopped as it was told to; NULL while it runs, and for one that died.
ALTER TABLE daemon_heartbeats ADD COLUMN "stoppedAt" timestamptz;

-- Daemons whose heartbeat was removed.
CREATE TABLE former_daemons (
    id uuid PRIMARY KEY,
    version varchar(50) NOT NULL,
    since timestamptz NOT NULL,
    "lastSeen" timestamptz NOT NULL,
    "stoppedAt" timestamptz
);

-- Dashboards list the last events of a tenant, and the past times of its schedules.
CREATE INDEX "trigger_events_tenantId_createdAt_index" ON trigger_events ("tenantId", "createdAt", id);
CREATE INDEX "schedule_occurrences_tenantId_scheduledFor_index" ON schedule_occurrences ("tenantId", "scheduledFor");

-- The tenants whose rows a plan changes, so that the history of one tenant is found without a look into all plans.
CREATE FUNCTION plan_tenants(plan jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((
    SELECT array_agg(DISTINCT change ->> 'tenant') FILTER (WHERE change ->> 'tenant' IS NOT NULL)
    FROM jsonb_array_elements(CASE jsonb_typeof(plan -> 'changes') WHEN 'array' THEN plan -> 'changes' ELSE '[]' END)
        AS change
), '{}');
ALTER TABLE reconcile_history ADD COLUMN tenants text[] NOT NULL GENERATED ALWAYS AS (plan_tenants(plan)) STORED;
