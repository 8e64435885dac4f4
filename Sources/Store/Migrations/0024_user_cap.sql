-- WhatsApp limits how many marketing messages a person gets (code 131049). Campaigns may have such messages tried again.

-- What happens to such a message: '"fail"', or {"action": "retry", "every", "until"}; NULL is '"fail"'.
ALTER TABLE tenants ADD COLUMN "onUserCap" jsonb;
ALTER TABLE tenants ADD CONSTRAINT "tenants_onUserCap_check" CHECK (
    "onUserCap" = '"fail"' OR (
        "onUserCap" ->> 'action' = 'retry' AND "onUserCap" ->> 'every' ~ '^[0-9]{1,7}[smhd]$'
        AND "onUserCap" ->> 'until' ~ '^[0-9]{1,7}[smhd]$'
    )
);
-- NULL is the tenant's.
ALTER TABLE campaigns ADD COLUMN "onUserCap" jsonb;
ALTER TABLE campaigns ADD CONSTRAINT "campaigns_onUserCap_check" CHECK (
    "onUserCap" = '"fail"' OR (
        "onUserCap" ->> 'action' = 'retry' AND "onUserCap" ->> 'every' ~ '^[0-9]{1,7}[smhd]$'
        AND "onUserCap" ->> 'until' ~ '^[0-9]{1,7}[smhd]$'
    )
);

-- True while the message waits for its next attempt at "nextAttemptAt": it is pending, and not fed with its chunk. No index
-- has one of these columns.
ALTER TABLE campaign_messages ADD COLUMN "isCapped" boolean NOT NULL DEFAULT false;
-- When it was first refused, and when last: an older report is about a request that was repeated.
ALTER TABLE campaign_messages ADD COLUMN "cappedSince" timestamptz;
ALTER TABLE campaign_messages ADD COLUMN "cappedAt" timestamptz;
-- The messages of the run that wait so.
ALTER TABLE campaign_runs ADD COLUMN capped integer NOT NULL DEFAULT 0;

-- When which message is due again: an alarm clock, which may ring for a message that waits no more.
CREATE TABLE capped_messages (
    "messageId" uuid PRIMARY KEY,
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    "dueAt" timestamptz NOT NULL
);
CREATE INDEX "capped_messages_dueAt_index" ON capped_messages ("dueAt");
CREATE INDEX "capped_messages_runId_index" ON capped_messages ("runId", "dueAt");
