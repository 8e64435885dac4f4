-- The retention of tenants, and the counts of messages that were deleted.

-- {"messages", "events", "contacts", "consents"}: durations such as "400d". NULL keeps all rows, and so does a kind that is
-- missing.
ALTER TABLE tenants ADD COLUMN retention jsonb;

-- Messages of the run that were deleted. No index has these columns, so counter updates stay on their page.
ALTER TABLE campaign_runs ADD COLUMN "deletedCount" integer NOT NULL DEFAULT 0;
-- All messages up to this position were deleted; later ones may have been, too.
ALTER TABLE campaign_runs ADD COLUMN "deletedThrough" integer NOT NULL DEFAULT 0;

-- Deleted messages by what reports tell of them, counted in the transaction that deletes them. The counters of runs do not
-- change by it, so the rows of a run and its counts here add up to them.
CREATE TABLE deleted_messages (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    "tenantId" varchar(50) NOT NULL,
    status campaign_message_status_enum NOT NULL,
    -- Empty for messages without an error.
    "errorCode" varchar(50) NOT NULL,
    -- Without long numbers, which could be those of people.
    "errorMessage" varchar(300) NOT NULL,
    -- True for messages that a later run repeats.
    "isRetried" boolean NOT NULL,
    count integer NOT NULL CHECK (count > 0),
    PRIMARY KEY ("runId", status, "errorCode", "errorMessage", "isRetried")
);

-- The progress of the deletion of a tenant's rows. A daemon locks the row for each portion, so that one daemon at a time
-- deletes rows of a kind.
CREATE TABLE retention_progress (
    "tenantId" varchar(50) NOT NULL,
    kind varchar(10) NOT NULL CHECK (kind IN ('messages', 'events', 'contacts', 'consents')),
    -- Events: those created before are deleted. Contacts and consents: the time that counted in the last whole round.
    "doneUntil" timestamptz NOT NULL DEFAULT '-infinity',
    -- Contacts and consents: all up to this id or key were looked at in this round.
    cursor text NOT NULL DEFAULT '',
    PRIMARY KEY ("tenantId", kind)
);
