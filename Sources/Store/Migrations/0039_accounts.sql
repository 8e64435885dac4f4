-- WhatsApp Business Accounts, and what belongs to them.

CREATE TABLE accounts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    name varchar(63) NOT NULL,
    -- WhatsApp's id of the account. Two tenants can share one; within a tenant, specs name each once.
    "wabaId" varchar(32) NOT NULL,
    -- A reference such as env:NAME or file:/path, never the token.
    "accessToken" text NOT NULL CHECK ("accessToken" ~ '^(env|file):'),
    -- The app that files of templates are uploaded to; NULL if none are.
    "appId" varchar(32),
    "businessId" varchar(32),
    currency varchar(3),
    protect boolean NOT NULL DEFAULT false,
    "managedBy" varchar(10) CHECK ("managedBy" = 'spec'),
    "sourceFile" text,
    "archivedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX "accounts_tenantId_name_key" ON accounts ("tenantId", name) WHERE "archivedAt" IS NULL;
-- Webhooks name the account that they are about.
CREATE INDEX "accounts_wabaId_index" ON accounts ("wabaId") WHERE "archivedAt" IS NULL;

-- The account that a number or a template belongs to; NULL for tenants without accounts.
ALTER TABLE senders ADD COLUMN "accountId" uuid REFERENCES accounts (id);
ALTER TABLE templates ADD COLUMN "accountId" uuid REFERENCES accounts (id);
