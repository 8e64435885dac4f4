-- Runs that repeat failed messages, campaigns that are sent again, and requests whose answer was lost.

-- The run whose failed messages this one repeats; NULL for all others. No foreign key: both belong to one campaign and
-- go with it, and a key would be checked beside each update of the counters.
ALTER TABLE campaign_runs ADD COLUMN "retryOf" uuid;
-- The caller's own name for a request to send the campaign again: one name opens one run.
ALTER TABLE campaign_runs ADD COLUMN "launchKey" varchar(200);
CREATE UNIQUE INDEX "campaign_runs_launchKey_key" ON campaign_runs ("campaignId", "launchKey")
    WHERE "launchKey" IS NOT NULL;
-- Messages of this run that a later run repeats, by what they are now: the analytics of the campaign count their
-- recipients in the later run only. Such a message has failed, unless WhatsApp reports it as delivered after all; reports
-- move these numbers along with the counters.
ALTER TABLE campaign_runs ADD COLUMN "retriedFailed" integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN "retriedDelivered" integer NOT NULL DEFAULT 0;
ALTER TABLE campaign_runs ADD COLUMN "retriedRead" integer NOT NULL DEFAULT 0;

-- The run that repeats this failed message. No index has it, so the row stays within its page.
ALTER TABLE campaign_messages ADD COLUMN "retriedBy" uuid;
-- Requests that WhatsApp may have accepted, although the message was sent again or given up afterwards.
ALTER TABLE campaign_messages ADD COLUMN "lostAnswers" smallint NOT NULL DEFAULT 0;
