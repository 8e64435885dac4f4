-- Quiet hours on the clock of each contact: tenants."quietHours" ->> 'clock' = 'contact'.

-- The names of the IANA time zone database that Postgres knows, as they are written there. Postgres also takes them in other case,
-- abbreviations, and texts such as XYZ5, which plans and launches do not.
CREATE TABLE zone_names (
    name varchar(64) PRIMARY KEY
);
INSERT INTO zone_names (name)
SELECT name FROM pg_timezone_names
WHERE name !~ '^(posix|right)/' AND name NOT IN ('posixrules', 'localtime', 'Factory') ORDER BY name;

-- When the quiet hours end that an instant lies in on the clock of a contact: in the zone of its metadata, else of its number,
-- else the given one; NULL outside of them. A text of the metadata that is no name of a zone is left out.
CREATE FUNCTION contact_quiet_until(hours jsonb, metadata jsonb, number text, fallback text, instant timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone text;
BEGIN
    FOREACH zone IN ARRAY ARRAY[metadata ->> 'timeZone', zone_of_number(number), fallback] LOOP
        CONTINUE WHEN zone IS NULL OR NOT EXISTS (SELECT FROM zone_names z WHERE z.name = zone);
        RETURN quiet_until(hours, zone, instant);
    END LOOP;
    RETURN NULL;
END
$$;

-- When which message may be sent that waits for the end of its contact's quiet hours: an alarm clock, which may ring for a
-- message that waits no more. Such a message is pending, and is not fed before its "nextAttemptAt".
CREATE TABLE quiet_messages (
    "messageId" uuid PRIMARY KEY,
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    "dueAt" timestamptz NOT NULL
);
CREATE INDEX "quiet_messages_dueAt_index" ON quiet_messages ("dueAt");
CREATE INDEX "quiet_messages_runId_index" ON quiet_messages ("runId", "dueAt");

-- The zone by whose clock it is quiet for all contacts of the chunk, which is not fed meanwhile; NULL if they may have
-- different clocks, so that each message is asked when it is sent.
ALTER TABLE campaign_chunks ADD COLUMN "quietZone" varchar(64);
-- The zone whose clock shows the same as that of this zone, and which stands for it in chunks.
ALTER TABLE run_zones ADD COLUMN "quietZone" varchar(64);
