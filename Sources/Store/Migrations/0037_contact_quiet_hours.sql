-- Quiet hours on the clock of each contact: tenants."quietHours" ->> 'clock' = 'contact'.

-- When the quiet hours end that an instant lies in on the clock of a contact: in the zone of its metadata, else of its number,
-- else the given one; NULL outside of them. A text of the metadata that Postgres does not know as a zone is no zone.
CREATE FUNCTION contact_quiet_until(hours jsonb, metadata jsonb, number text, fallback text, instant timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[metadata ->> 'timeZone', zone_of_number(number), fallback] LOOP
        -- Postgres also takes abbreviations and texts such as XYZ5, which name no zone of the IANA database.
        CONTINUE WHEN name IS NULL OR name !~ '^([A-Za-z]+(/[A-Za-z][A-Za-z0-9_+-]*){1,2}|CET|CST6CDT|Cuba|EET|EST|EST5EDT|Egypt'
            '|Eire|GB|GB-Eire|GMT|GMT[+-]?0|Greenwich|HST|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|MET|MST'
            '|MST7MDT|NZ|NZ-CHAT|Navajo|PRC|PST8PDT|Poland|Portugal|ROC|ROK|Singapore|Turkey|UCT|UTC|Universal|W-SU|WET|Zulu)$';
        BEGIN
            RETURN quiet_until(hours, name, instant);
        EXCEPTION WHEN invalid_parameter_value THEN
            CONTINUE;
        END;
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
