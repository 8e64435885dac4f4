-- The ids by which WhatsApp speaks of people, the number that a person has now, and the 24 hour window of each business number.

-- Where ids of contacts are copied to; user ids are longer than numbers.
ALTER TABLE trigger_events ALTER COLUMN "contactId" TYPE varchar(150);
ALTER TABLE campaign_runs ALTER COLUMN "launchCursor" TYPE varchar(150);

-- Other ids of a contact than its "contactId", learned from answers and webhooks of WhatsApp, and of contacts merged into it.
CREATE TABLE contact_ids (
    "tenantId" varchar(50) NOT NULL,
    -- contact_key(id): look-ups go by it.
    key varchar(150) NOT NULL,
    "contactId" uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    kind varchar(10) NOT NULL CHECK (kind IN ('waId', 'userId', 'contactId')),
    -- As WhatsApp writes it.
    id varchar(150) NOT NULL,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("tenantId", key, "contactId")
);
CREATE INDEX "contact_ids_contactId_index" ON contact_ids ("contactId");

-- Changes of numbers that WhatsApp reported. They come in any order, so the next change may be known before this one: a person
-- who moves from A to B and on to C ends at C.
CREATE TABLE contact_moves (
    "tenantId" varchar(50) NOT NULL,
    -- The contact_key of the former number or user id.
    key varchar(150) NOT NULL,
    at timestamptz NOT NULL,
    -- The new number, without a plus sign.
    number varchar(150) NOT NULL,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("tenantId", key, at, number)
);
CREATE INDEX "contact_moves_createdAt_index" ON contact_moves USING brin ("createdAt");

-- When a contact last wrote to a business number. contacts."lastSeen" is about all numbers of the tenant.
CREATE TABLE contact_windows (
    "contactId" uuid NOT NULL REFERENCES contacts (id) ON DELETE CASCADE,
    "phoneNumberId" varchar(100) NOT NULL,
    "tenantId" varchar(50) NOT NULL,
    "lastInboundAt" timestamptz NOT NULL,
    PRIMARY KEY ("contactId", "phoneNumberId")
) WITH (fillfactor = 80);

-- The number to which messages go in place of "contactId": the person has moved to it, or WhatsApp named it for a contact
-- whose "contactId" is a user id. NULL for nearly all.
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS "currentNumber" varchar(50);
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS "currentNumberAt" timestamptz;
-- The contact that this one was merged into: it gets no messages any more, and keeps what other systems attach to it.
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS "mergedInto" uuid REFERENCES contacts (id);
CREATE INDEX "contacts_mergedInto_index" ON contacts ("mergedInto") WHERE "mergedInto" IS NOT NULL;

-- Whether the 24 hour window is the business number's own or the contact's; NULL is 'number'.
ALTER TABLE tenants ADD COLUMN "window" varchar(10) CHECK ("window" IN ('number', 'contact'));
-- The country of national numbers.
ALTER TABLE tenants ADD COLUMN country varchar(2) CHECK (country ~ '^[A-Z]{2}$');
-- Whether people become contacts by writing; NULL is 'never'.
ALTER TABLE tenants ADD COLUMN "createContacts" varchar(10) CHECK ("createContacts" IN ('never', 'inbound'));
