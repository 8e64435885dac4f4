-- Executions of campaigns: what exactly was sent, in which portions, and how it went.

CREATE TYPE campaign_run_status_enum AS ENUM ('launching', 'running', 'paused', 'completed', 'failed', 'cancelled');
CREATE TYPE campaign_chunk_status_enum AS ENUM ('waiting', 'feeding', 'fed');

-- The frozen content of a campaign. A run names the revision it sends, whatever happens to the campaign meanwhile.
CREATE TABLE campaign_revisions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "campaignId" uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    "tenantId" varchar(50) NOT NULL,
    number integer NOT NULL,
    digest text NOT NULL,
    content jsonb NOT NULL,
    "gitCommit" text,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    UNIQUE ("campaignId", number),
    UNIQUE ("campaignId", digest)
);

CREATE TABLE campaign_runs (
    id uuid PRIMARY KEY,
    "campaignId" uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    "tenantId" varchar(50) NOT NULL,
    "revisionId" uuid NOT NULL REFERENCES campaign_revisions (id),
    "senderId" uuid NOT NULL REFERENCES senders (id),
    status campaign_run_status_enum NOT NULL DEFAULT 'launching',
    "statusReason" text,
    "scheduledFor" timestamptz,
    -- Free text may be sent within 24 hours of the contact's last message only; templates at any time.
    "isFreeText" boolean NOT NULL,

    -- Where the launch stands: a crash resumes after the last committed batch.
    "windowCutoff" timestamptz NOT NULL,
    "launchPhase" varchar(15) NOT NULL DEFAULT 'inWindow' CHECK ("launchPhase" IN ('inWindow', 'outOfWindow', 'done')),
    -- Contacts up to this "contactId" have been looked at in this phase; NULL is none.
    "launchCursor" varchar(50),
    "nextPosition" integer NOT NULL DEFAULT 1,
    "expectedCount" integer NOT NULL DEFAULT 0,

    "recipientCount" integer NOT NULL DEFAULT 0,
    "inWindowCount" integer NOT NULL DEFAULT 0,

    -- Messages by status. They change in the statement that changes the statuses, and equal COUNT(*).
    pending integer NOT NULL DEFAULT 0,
    queued integer NOT NULL DEFAULT 0,
    sending integer NOT NULL DEFAULT 0,
    sent integer NOT NULL DEFAULT 0,
    delivered integer NOT NULL DEFAULT 0,
    read integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    unconfirmed integer NOT NULL DEFAULT 0,

    "startedAt" timestamptz,
    "completedAt" timestamptz,
    "estimatedCompletionAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 30);
-- Launching twice is one run.
CREATE UNIQUE INDEX "campaign_runs_active_key" ON campaign_runs ("campaignId")
    WHERE status IN ('launching', 'running', 'paused');
CREATE INDEX "campaign_runs_campaignId_index" ON campaign_runs ("campaignId", "createdAt");
CREATE INDEX "campaign_runs_open_index" ON campaign_runs ("senderId") WHERE status IN ('launching', 'running', 'paused');

-- A range of positions [startPosition, endPosition) and the time from which it may be queued.
CREATE TABLE campaign_chunks (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    "startPosition" integer NOT NULL,
    "endPosition" integer NOT NULL CHECK ("endPosition" > "startPosition"),
    "tenantId" varchar(50) NOT NULL,
    "notBefore" timestamptz NOT NULL,
    status campaign_chunk_status_enum NOT NULL DEFAULT 'waiting',
    -- While feeding: after this time another daemon may take the chunk over.
    "leaseUntil" timestamptz,
    PRIMARY KEY ("runId", "startPosition")
) WITH (fillfactor = 70);
CREATE INDEX campaign_chunks_due_index ON campaign_chunks ("runId", "notBefore") WHERE status <> 'fed';

-- Each failed attempt, for 30 days.
CREATE TABLE message_failures (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "tenantId" varchar(50) NOT NULL,
    "messageId" uuid NOT NULL,
    attempt smallint NOT NULL,
    "httpStatus" smallint,
    "errorCode" varchar(50) NOT NULL,
    "errorMessage" text NOT NULL,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "message_failures_messageId_index" ON message_failures ("messageId");
CREATE INDEX "message_failures_createdAt_index" ON message_failures USING brin ("createdAt");

-- Statuses that came before the message they speak of was known under that id.
CREATE TABLE webhook_inbox (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "waMessageId" varchar(512) NOT NULL,
    status varchar(20) NOT NULL,
    "occurredAt" timestamptz NOT NULL,
    "errorCode" varchar(50),
    "errorMessage" text,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    UNIQUE ("waMessageId", status)
);

-- One row: what Redis must agree with before anything is reserved from it. Raised whenever Redis is rebuilt.
CREATE TABLE queue_epochs (
    "quotaGroup" varchar(100) PRIMARY KEY,
    epoch bigint NOT NULL,
    "rebuiltAt" timestamptz NOT NULL DEFAULT now()
);
