-- Runs that stop by themselves when their messages fail alike or too often, and messages that WhatsApp holds back.

-- The status that WhatsApp gave the message when it accepted it; NULL for `accepted`. No index has it.
ALTER TABLE campaign_messages ADD COLUMN "messageStatus" varchar(50);

-- Messages that WhatsApp accepted and holds back.
ALTER TABLE campaign_runs ADD COLUMN held integer NOT NULL DEFAULT 0;
-- Where the guards began to count: the last time that a person resumed the run, and its counters then.
ALTER TABLE campaign_runs ADD COLUMN "guardsSince" timestamptz;
ALTER TABLE campaign_runs ADD COLUMN "guardAccepted" integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN "guardDelivered" integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN "guardSettled" integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN "guardFailed" integer NOT NULL DEFAULT 0;
-- True after `resume --ignore-guard`.
ALTER TABLE campaign_runs ADD COLUMN "ignoresGuards" boolean NOT NULL DEFAULT false;

-- The latest alike refusals of a run: a run without refusals that could concern all its messages has no row.
CREATE TABLE run_refusals (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    -- Refusals in answers and those in reports are counted apart: the latter come after an acceptance.
    source varchar(10) NOT NULL CHECK (source IN ('answer', 'report')),
    "tenantId" varchar(50) NOT NULL,
    code varchar(50) NOT NULL,
    message text NOT NULL,
    count integer NOT NULL,
    -- Accepted (answers) or delivered (reports) messages of the run when the refusals began: more of them end the row.
    successes integer NOT NULL,
    "startedAt" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("runId", source)
);

-- The counters of standing runs at the beginning of each hour: their share of failures is that of the last 24 hours.
CREATE TABLE run_hours (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    hour timestamptz NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    settled integer NOT NULL,
    failed integer NOT NULL,
    PRIMARY KEY ("runId", hour)
);
