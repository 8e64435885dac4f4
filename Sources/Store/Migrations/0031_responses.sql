-- Responses of the people of a run: each counts once per run and kind.

ALTER TABLE campaign_runs ADD COLUMN replied integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN tapped integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN "optedOut" integer NOT NULL DEFAULT 0;

-- The first response of a person to a run. A webhook that comes again, or late, finds the row and counts nothing. No foreign
-- keys, like those of messages to their runs: the ids imply them, and a key would be checked beside the counters.
CREATE TABLE run_responses (
    "contactId" uuid NOT NULL,
    "runId" uuid NOT NULL,
    kind varchar(10) NOT NULL CHECK (kind IN ('replied', 'tapped', 'optedOut')),
    -- The message that was answered.
    "messageId" uuid NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY ("contactId", "runId", kind)
);
