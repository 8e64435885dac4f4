-- What campaigns need to know of a contact: segments, payment, consent. Each column gets the index its filter uses.

ALTER TABLE contacts
    ADD COLUMN IF NOT EXISTS tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS "paymentStatus" varchar(20),
    ADD COLUMN IF NOT EXISTS "optedIn" boolean NOT NULL DEFAULT true,
    ADD COLUMN IF NOT EXISTS "optedInAt" timestamptz;

CREATE INDEX contacts_tags_index ON contacts USING gin (tags);
CREATE INDEX "contacts_tenantId_paymentStatus_index" ON contacts ("tenantId", "paymentStatus");
CREATE INDEX "contacts_tenantId_lastSeen_index" ON contacts ("tenantId", "lastSeen");
