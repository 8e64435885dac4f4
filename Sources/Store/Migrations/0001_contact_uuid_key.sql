-- Gives contacts a UUID primary key that other tables can refer to, and keeps ("tenantId", "contactId") unique.
-- Works on an empty database and on a table that has the composite key, rows, and tables that refer to it.

CREATE TABLE IF NOT EXISTS contacts (
    "tenantId" varchar(50) NOT NULL,
    "contactId" varchar(50) NOT NULL,
    PRIMARY KEY ("tenantId", "contactId")
);

ALTER TABLE contacts
    ADD COLUMN IF NOT EXISTS name varchar(255),
    ADD COLUMN IF NOT EXISTS email varchar(255),
    ADD COLUMN IF NOT EXISTS pin varchar(50),
    ADD COLUMN IF NOT EXISTS "yearOfBirth" integer,
    ADD COLUMN IF NOT EXISTS "messageCount" integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS "firstSeen" timestamptz,
    ADD COLUMN IF NOT EXISTS "lastSeen" timestamptz,
    ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS "deactivatedAt" timestamptz,
    ADD COLUMN IF NOT EXISTS "createdAt" timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS "updatedAt" timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS id uuid NOT NULL DEFAULT gen_random_uuid();

DO $$
DECLARE
    primary_key record;
    reference record;
BEGIN
    SELECT c.oid, c.conname, c.conindid,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) AS k(number)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS columns
    INTO primary_key
    FROM pg_constraint c
    WHERE c.conrelid = 'contacts'::regclass AND c.contype = 'p';

    IF primary_key.columns = ARRAY['id'] THEN
        RETURN;
    END IF;

    -- Foreign keys hang on the index of the old key: take them off, swap, put them back unchanged.
    CREATE TEMPORARY TABLE contact_references ON COMMIT DROP AS
        SELECT conrelid::regclass::text AS child, conname AS name, pg_get_constraintdef(oid) AS definition
        FROM pg_constraint
        WHERE confrelid = 'contacts'::regclass AND contype = 'f' AND conindid = primary_key.conindid;
    FOR reference IN SELECT * FROM contact_references LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', reference.child, reference.name);
    END LOOP;

    IF primary_key.conname IS NOT NULL THEN
        EXECUTE format('ALTER TABLE contacts DROP CONSTRAINT %I', primary_key.conname);
    END IF;
    ALTER TABLE contacts ADD CONSTRAINT "contacts_tenantId_contactId_key" UNIQUE ("tenantId", "contactId");
    ALTER TABLE contacts ADD CONSTRAINT contacts_pkey PRIMARY KEY (id);

    FOR reference IN SELECT * FROM contact_references LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', reference.child, reference.name, reference.definition);
    END LOOP;
END
$$;
