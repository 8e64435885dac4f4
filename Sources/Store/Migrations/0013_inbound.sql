-- What contacts write to us, and what WhatsApp says of senders and templates.

-- Messages that were counted; WhatsApp may bring one again for seven days.
CREATE TABLE inbound_messages (
    "waMessageId" varchar(512) PRIMARY KEY,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "inbound_messages_createdAt_index" ON inbound_messages USING brin ("createdAt");

-- When the contact said no. The later of both times decides: webhooks come in any order.
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS "optedOutAt" timestamptz;

-- Learned from webhooks: by what other names WhatsApp speaks of the number, and whose it is.
ALTER TABLE senders
    ADD COLUMN "displayPhoneNumber" varchar(50),
    ADD COLUMN "businessAccountId" varchar(50);
CREATE INDEX "senders_phoneNumberId_index" ON senders ("phoneNumberId") WHERE "archivedAt" IS NULL;
