-- Contacts of a table that was there before campaigns may lack values that a new table always has. They get the defaults,
-- except for consent: nobody has agreed by NULL. The columns stay nullable, because the system that owns the table may go
-- on writing NULL; what reads them counts NULL as the default, and NULL of "optedIn" as no.

-- Read by the migrator, and shown to the operator.
CREATE TEMPORARY TABLE migration_notes (note text NOT NULL) ON COMMIT DROP;

DO $$
DECLARE
    lacking bigint := 0;
    silent bigint := 0;
BEGIN
    -- Where no column takes NULL, as in a table made by migration 1, no row has to be read.
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'contacts'::regclass AND NOT attnotnull AND NOT attisdropped
            AND attname IN ('metadata', 'messageCount', 'tags', 'optedIn')
    ) THEN
        RETURN;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE "optedIn" IS NULL) INTO lacking, silent FROM contacts
    WHERE metadata IS NULL OR "messageCount" IS NULL OR tags IS NULL OR "optedIn" IS NULL;
    IF lacking > 0 THEN
        UPDATE contacts SET
            metadata = coalesce(metadata, '{}'), "messageCount" = coalesce("messageCount", 0), tags = coalesce(tags, '{}'),
            "optedIn" = coalesce("optedIn", false)
        WHERE metadata IS NULL OR "messageCount" IS NULL OR tags IS NULL OR "optedIn" IS NULL;
        ANALYZE contacts;
        INSERT INTO migration_notes VALUES (format(
            'contacts: %s rows without "metadata", "messageCount", "tags" or "optedIn" have got the default values', lacking
        ));
    END IF;
    IF silent > 0 THEN
        INSERT INTO migration_notes VALUES (format(
            'contacts: %s rows had no value in "optedIn"; that is no consent, so they get no messages. To opt in those who '
            'agreed, write them into a CSV file with the columns contactId,optedIn,optedInAt, where optedInAt is the time at '
            'which they agreed, and run: campaignd contacts import FILE.csv --tenant TENANT', silent
        ));
    END IF;
END
$$;

-- Defaults for writers that leave the columns out; never for "optedIn", where a value says that somebody was asked.
DO $$
DECLARE
    missing record;
BEGIN
    FOR missing IN
        SELECT attname AS name, CASE attname WHEN 'messageCount' THEN '0' ELSE '''{}''' END AS value FROM pg_attribute
        WHERE attrelid = 'contacts'::regclass AND NOT atthasdef AND NOT attisdropped
            AND attname IN ('metadata', 'messageCount', 'tags')
    LOOP
        EXECUTE format('ALTER TABLE contacts ALTER COLUMN %I SET DEFAULT %s', missing.name, missing.value);
    END LOOP;
END
$$;

-- The treatment of a text that WhatsApp refuses as a parameter of a template; NULL is the default, 'mend'.
ALTER TABLE tenants ADD COLUMN "templateText" varchar(10) CHECK ("templateText" IN ('mend', 'strict'));
-- NULL is the tenant's.
ALTER TABLE campaigns ADD COLUMN "templateText" varchar(10) CHECK ("templateText" IN ('mend', 'strict'));
