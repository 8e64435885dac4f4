-- Campaigns, their messages and schedules, with the tables their rows refer to.

CREATE TYPE campaign_type_enum AS ENUM ('manual', 'event_triggered', 'scheduled', 'module_initiated');
CREATE TYPE campaign_status_enum AS ENUM
    ('draft', 'scheduled', 'running', 'paused', 'completed', 'failed', 'cancelled');
CREATE TYPE campaign_message_status_enum AS ENUM
    ('pending', 'queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'cancelled', 'unconfirmed');

-- A phone number that sends, and the pace and quota it has.
CREATE TABLE senders (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(63) NOT NULL,
    "phoneNumberId" varchar(100) NOT NULL,
    -- A reference such as env:NAME or file:/path, never the token.
    "accessToken" text NOT NULL CHECK ("accessToken" ~ '^(env|file):'),
    -- Business-initiated contacts in 24 hours; NULL is unlimited.
    "dailyLimit" integer CHECK ("dailyLimit" > 0),
    "ratePerSecond" integer NOT NULL CHECK ("ratePerSecond" > 0),
    "quotaGroup" varchar(100) NOT NULL,
    "pairLimit" varchar(10) NOT NULL DEFAULT 'pause' CHECK ("pairLimit" IN ('pause', 'defer')),
    "onQuotaExhausted" varchar(10) NOT NULL DEFAULT 'pause' CHECK ("onQuotaExhausted" IN ('pause', 'wait')),
    "unconfirmedPolicy" varchar(10) NOT NULL DEFAULT 'hold' CHECK ("unconfirmedPolicy" IN ('hold', 'retry')),
    -- Set when WhatsApp asked for silence; Redis is told again from here when it has forgotten.
    "pausedUntil" timestamptz,
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "senders_tenantId_name_key" ON senders ("tenantId", name) WHERE "archivedAt" IS NULL;

-- A message template as WhatsApp approved it.
CREATE TABLE templates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    "whatsappName" varchar(512) NOT NULL,
    language varchar(20) NOT NULL,
    category varchar(20) NOT NULL,
    header text,
    body text NOT NULL,
    footer text,
    buttons jsonb NOT NULL DEFAULT '[]',
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "templates_tenantId_name_key" ON templates ("tenantId", name) WHERE "archivedAt" IS NULL;

-- A named filter. Campaigns carry their own resolved copy, so sending never reads this table.
CREATE TABLE audiences (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(63) NOT NULL,
    filter jsonb NOT NULL,
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "audiences_tenantId_name_key" ON audiences ("tenantId", name) WHERE "archivedAt" IS NULL;

CREATE TABLE campaigns (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    title varchar(255),
    type campaign_type_enum NOT NULL,
    status campaign_status_enum NOT NULL DEFAULT 'draft',
    -- Why it is paused or failed, for people.
    "statusReason" text,
    "sourceModule" varchar(50),
    "sourceReferenceId" varchar(100),
    "senderId" uuid REFERENCES senders (id),
    -- The WhatsApp payload without recipient; placeholders such as {{name}} stand in its texts.
    "messageTemplate" jsonb NOT NULL,
    "templateId" uuid REFERENCES templates (id),
    "templateParams" jsonb,
    "audienceId" uuid REFERENCES audiences (id),
    "audienceFilter" jsonb,
    "recipientCount" integer NOT NULL DEFAULT 0,
    "scheduledAt" timestamptz,
    "startedAt" timestamptz,
    "completedAt" timestamptz,
    "estimatedCompletionAt" timestamptz,
    "triggerType" varchar(50),
    "triggerConfig" jsonb,
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdBy" uuid,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "campaigns_tenantId_status_index" ON campaigns ("tenantId", status);
CREATE INDEX "campaigns_tenantId_createdAt_index" ON campaigns ("tenantId", "createdAt");
CREATE INDEX "campaigns_tenantId_sourceModule_index" ON campaigns ("tenantId", "sourceModule");
CREATE UNIQUE INDEX "campaigns_tenantId_name_key" ON campaigns ("tenantId", name)
    WHERE "managedBy" = 'spec' AND "archivedAt" IS NULL;

-- The table of users belongs to the surrounding system; where it exists, authors must.
DO $$
BEGIN
    IF to_regclass('users') IS NOT NULL AND EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass('users') AND attname = 'id' AND atttypid = 'uuid'::regtype
    ) THEN
        ALTER TABLE campaigns ADD FOREIGN KEY ("createdBy") REFERENCES users (id);
    END IF;
END
$$;

-- The moves a campaign may make between its states; whoever asks for another is refused.
CREATE TABLE campaign_status_moves (
    "from" campaign_status_enum NOT NULL,
    "to" campaign_status_enum NOT NULL,
    PRIMARY KEY ("from", "to")
);
INSERT INTO campaign_status_moves VALUES
    ('draft', 'scheduled'), ('draft', 'running'), ('draft', 'cancelled'), ('draft', 'failed'),
    ('scheduled', 'draft'), ('scheduled', 'running'), ('scheduled', 'cancelled'), ('scheduled', 'failed'),
    ('running', 'paused'), ('running', 'completed'), ('running', 'cancelled'), ('running', 'failed'),
    ('running', 'scheduled'),
    ('paused', 'running'), ('paused', 'cancelled'), ('paused', 'failed'), ('paused', 'completed'),
    ('completed', 'running'), ('completed', 'scheduled');

CREATE FUNCTION check_campaign_status_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM campaign_status_moves WHERE "from" = OLD.status AND "to" = NEW.status) THEN
        RAISE EXCEPTION 'a campaign cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_status_moves', TABLE = 'campaigns';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER campaign_status_move BEFORE UPDATE OF status ON campaigns
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_campaign_status_move();

-- One recipient of one run. Its id is the run's id with the position in the last 40 bits (see message_id), so the
-- primary key is also the order of sending, and no index contains the status: status changes stay within their page.
CREATE TABLE campaign_messages (
    id uuid PRIMARY KEY,
    "runId" uuid NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    "campaignId" uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    "tenantId" varchar(50) NOT NULL,
    "contactId" uuid NOT NULL REFERENCES contacts (id),
    "recipientPhone" varchar(50) NOT NULL,
    status campaign_message_status_enum NOT NULL DEFAULT 'pending',
    "isBusinessInitiated" boolean NOT NULL,
    -- The reservation under which it is being sent; whoever was overtaken cannot touch it any more.
    holder bigint,
    -- Answers received; a crash is not an attempt.
    attempts smallint NOT NULL DEFAULT 0,
    "triggerEventId" uuid,
    context jsonb,
    "waMessageId" varchar(512),
    "errorMessage" text,
    "errorCode" varchar(50),
    -- Not before this time; NULL is at once.
    "nextAttemptAt" timestamptz,
    -- When it became unconfirmed: the clock of the policy for lost answers.
    "unconfirmedAt" timestamptz,
    "sentAt" timestamptz,
    "deliveredAt" timestamptz,
    "readAt" timestamptz,
    "failedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    -- One message per contact and run, and for triggers one per event; led by the contact, so that "what did this
    -- contact get" and the check of the foreign key are index look-ups too.
    CONSTRAINT campaign_messages_recipient_key UNIQUE NULLS NOT DISTINCT ("contactId", "runId", "triggerEventId")
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX "campaign_messages_campaignId_triggerEventId_key"
    ON campaign_messages ("campaignId", "triggerEventId") WHERE "triggerEventId" IS NOT NULL;
CREATE INDEX "campaign_messages_waMessageId_index" ON campaign_messages ("waMessageId") WHERE "waMessageId" IS NOT NULL;

-- The id of the message at a position of a run.
CREATE FUNCTION message_id(run uuid, "position" bigint) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT encode(substring(uuid_send(run) FROM 1 FOR 11) || substring(int8send("position") FROM 4), 'hex')::uuid
$$;

CREATE TABLE campaign_schedules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "campaignId" uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    "tenantId" varchar(50) NOT NULL,
    "cronExpression" varchar(100) NOT NULL,
    "nextRunAt" timestamptz NOT NULL,
    "lastRunAt" timestamptz,
    "isActive" boolean NOT NULL DEFAULT true,
    "maxRuns" integer,
    "runCount" integer NOT NULL DEFAULT 0,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "campaign_schedules_tenantId_isActive_index" ON campaign_schedules ("tenantId", "isActive");
CREATE INDEX "campaign_schedules_nextRunAt_index" ON campaign_schedules ("nextRunAt");
