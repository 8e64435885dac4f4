-- What stays of people who were erased: rows without personal data to which messages refer, and opt-outs under a keyed hash.

ALTER TABLE contacts ADD COLUMN IF NOT EXISTS "erasedAt" timestamptz;
CREATE INDEX "contacts_erasedAt_index" ON contacts ("erasedAt") WHERE "erasedAt" IS NOT NULL;

-- Opt-outs of people who were erased. Whoever adds contacts looks here, and keeps the opt-out for them.
CREATE TABLE erased_consents (
    "tenantId" varchar(50) NOT NULL,
    -- Identifies the ERASURE_KEY without telling it: hashes of another key find nobody.
    "keyId" varchar(32) NOT NULL,
    -- HMAC-SHA256 of the tenant and the contact_key of an id, by ERASURE_KEY.
    hash varchar(64) NOT NULL,
    "optedOutAt" timestamptz,
    "marketingOutAt" timestamptz,
    PRIMARY KEY ("tenantId", "keyId", hash),
    CHECK (num_nonnulls("optedOutAt", "marketingOutAt") > 0)
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
