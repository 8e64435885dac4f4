-- What stays of people who were erased: rows without personal data to which messages refer, and opt-outs under a keyed hash.

ALTER TABLE contacts ADD COLUMN IF NOT EXISTS "erasedAt" timestamptz;

-- People who were erased, by hashes of their ids, with their last statements about consent. Imports and other
-- additions of contacts look here, and keep their opt-outs; their later statements are kept here, too.
CREATE TABLE erased_people (
    "tenantId" varchar(50) NOT NULL,
    -- Identifies the ERASURE_KEY without telling it: hashes of another key match no person.
    "keyId" varchar(32) NOT NULL,
    -- HMAC-SHA256 of the tenant and the contact_key of an id, by ERASURE_KEY.
    hash varchar(64) NOT NULL,
    "erasedAt" timestamptz NOT NULL,
    -- The rows of the person in contacts, to which messages refer.
    "contactIds" uuid[] NOT NULL DEFAULT '{}',
    -- As in suppressions.
    "optedOutAt" timestamptz,
    "optedInAt" timestamptz,
    "marketingOutAt" timestamptz,
    "marketingInAt" timestamptz,
    level varchar(10) GENERATED ALWAYS AS (
        CASE
            WHEN "optedOutAt" IS NOT NULL AND ("optedInAt" > "optedOutAt") IS NOT TRUE THEN 'all'
            WHEN "marketingOutAt" IS NOT NULL AND ("marketingInAt" > "marketingOutAt") IS NOT TRUE THEN 'marketing'
        END
    ) STORED,
    PRIMARY KEY ("tenantId", "keyId", hash)
);
CREATE INDEX "erased_people_optedOut_index" ON erased_people ("tenantId", "keyId") WHERE level IS NOT NULL;
CREATE INDEX "erased_people_erasedAt_index" ON erased_people ("tenantId", "erasedAt");

-- Erasures whose messages are still looked after: what was under way at that moment may have written after it.
CREATE TABLE contact_erasures (
    "contactId" uuid PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
    "erasedAt" timestamptz NOT NULL DEFAULT now()
);

-- Nothing gives an erased contact its data back: neither a webhook that comes late, nor another system.
CREATE FUNCTION keep_contact_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE TRIGGER contacts_erased_kept BEFORE UPDATE ON contacts
    FOR EACH ROW WHEN (OLD."erasedAt" IS NOT NULL) EXECUTE FUNCTION keep_contact_erased();

CREATE FUNCTION refuse_id_of_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The lock waits for an erasure that is under way.
    PERFORM FROM contacts c WHERE c.id = NEW."contactId" AND c."erasedAt" IS NULL FOR KEY SHARE;
    RETURN CASE WHEN FOUND THEN NEW END;
END
$$;
CREATE TRIGGER contact_ids_not_of_erased BEFORE INSERT ON contact_ids
    FOR EACH ROW EXECUTE FUNCTION refuse_id_of_erased();

-- The events of a person, whatever the spelling of the number.
CREATE INDEX "trigger_events_tenantId_key_index" ON trigger_events ("tenantId", contact_key("contactId"));
