-- What specs of tenants, schedules and triggers become, and what a plan and a cancelled run need to know.

-- The defaults and guard rails of a tenant; a tenant without a row has none.
CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(63) NOT NULL,
    "timeZone" varchar(64),
    -- {"from": "21:00", "to": "08:00", "action": "wait"}, in the time zone above.
    "quietHours" jsonb CHECK ("quietHours" IS NULL OR "timeZone" IS NOT NULL),
    -- {"messages": 2, "within": "1d", "action": "skip"}
    "frequencyCap" jsonb,
    defaults jsonb,
    policy jsonb,
    "optOutWords" jsonb,
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "tenants_tenantId_key" ON tenants ("tenantId") WHERE "archivedAt" IS NULL;

-- A schedule repeats by its cron expression, or happens once at a local time.
ALTER TABLE campaign_schedules
    ALTER COLUMN "cronExpression" DROP NOT NULL,
    -- NULL: it does not fire again.
    ALTER COLUMN "nextRunAt" DROP NOT NULL,
    ADD COLUMN name varchar(63),
    ADD COLUMN at varchar(19),
    ADD COLUMN "timeZone" varchar(64) NOT NULL DEFAULT 'UTC',
    ADD COLUMN "from" varchar(19),
    ADD COLUMN until varchar(19),
    ADD COLUMN misfire varchar(10) NOT NULL DEFAULT 'runOnce' CHECK (misfire IN ('skip', 'runOnce', 'runAll')),
    ADD COLUMN "misfireWindow" varchar(20) NOT NULL DEFAULT '1h',
    ADD COLUMN overlap varchar(15) NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue', 'cancelRunning')),
    ADD COLUMN dst jsonb,
    ADD COLUMN protect boolean NOT NULL DEFAULT false,
    ADD COLUMN "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    ADD COLUMN "sourceFile" text,
    ADD COLUMN "archivedAt" timestamptz,
    ADD CHECK (num_nonnulls("cronExpression", at) = 1);
CREATE UNIQUE INDEX "campaign_schedules_tenantId_name_key" ON campaign_schedules ("tenantId", name)
    WHERE "managedBy" = 'spec' AND "archivedAt" IS NULL;
CREATE INDEX campaign_schedules_due_index ON campaign_schedules ("nextRunAt")
    WHERE "isActive" AND "archivedAt" IS NULL;
CREATE INDEX "campaign_schedules_campaignId_index" ON campaign_schedules ("campaignId");

-- What makes a campaign send to the contact of an event. The campaign's own "triggerType" and "triggerConfig" say the
-- same while the trigger is active; whoever writes one writes the other.
CREATE TABLE campaign_triggers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(63),
    "campaignId" uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    event varchar(50) NOT NULL,
    -- Whether the event is the tenant's own, not one of those that are built in.
    custom boolean NOT NULL DEFAULT false,
    match jsonb,
    -- At most one message per contact within this time.
    cooldown varchar(20),
    "isActive" boolean NOT NULL DEFAULT true,
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "campaign_triggers_tenantId_name_key" ON campaign_triggers ("tenantId", name)
    WHERE "managedBy" = 'spec' AND "archivedAt" IS NULL;
CREATE UNIQUE INDEX "campaign_triggers_campaignId_key" ON campaign_triggers ("campaignId")
    WHERE "isActive" AND "archivedAt" IS NULL;
CREATE INDEX "campaign_triggers_tenantId_event_index" ON campaign_triggers ("tenantId", event)
    WHERE "isActive" AND "archivedAt" IS NULL;

-- A schedule fires once for each of its times, whichever daemon sees it first.
ALTER TABLE campaign_runs
    ADD COLUMN "scheduleId" uuid REFERENCES campaign_schedules (id) ON DELETE SET NULL,
    -- Messages up to this position have been cancelled, once the run is.
    ADD COLUMN "cancelCursor" integer NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX "campaign_runs_scheduleId_scheduledFor_key" ON campaign_runs ("scheduleId", "scheduledFor")
    WHERE "scheduleId" IS NOT NULL;
CREATE INDEX campaign_runs_cancelled_index ON campaign_runs (id) WHERE status = 'cancelled';

-- Business-initiated messages that were taken from the quota, by the hour that they were taken in (its start).
CREATE TABLE quota_hours (
    "quotaGroup" varchar(100) NOT NULL,
    hour timestamptz NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    count integer NOT NULL DEFAULT 0,
    PRIMARY KEY ("quotaGroup", hour, "tenantId")
);
