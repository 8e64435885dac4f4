-- WhatsApp has one webhook address for each app. A tenant whose inbox or CRM needs the webhooks too names an address, to
-- which they are passed on as they came.

-- {"forward": an address or a reference to one}; NULL if nothing is passed on.
ALTER TABLE tenants ADD COLUMN webhook jsonb;

-- Webhooks that wait to be passed on. A row is written before WhatsApp gets its answer, and deleted when the receiver
-- has taken it.
CREATE TABLE webhook_forwards (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "tenantId" varchar(50) NOT NULL,
    signature text NOT NULL,
    body bytea NOT NULL,
    -- How often the receiver refused this one while it took others, and when it is tried again.
    refusals integer NOT NULL DEFAULT 0,
    "dueAt" timestamptz NOT NULL DEFAULT '-infinity',
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "webhook_forwards_tenantId_index" ON webhook_forwards ("tenantId", id);

-- One row for each tenant that ever named an address: which daemon posts to it, and when.
CREATE TABLE webhook_receivers (
    "tenantId" varchar(50) PRIMARY KEY,
    "leaseId" uuid,
    -- One daemon at a time posts for a tenant.
    "leasedUntil" timestamptz NOT NULL DEFAULT '-infinity',
    -- Failures in a row, and the end of the wait after them; another address ends the wait.
    attempts integer NOT NULL DEFAULT 0,
    "dueAt" timestamptz NOT NULL DEFAULT '-infinity',
    address text,
    failure text
);
