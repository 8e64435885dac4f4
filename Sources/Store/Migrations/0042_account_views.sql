-- What WhatsApp holds of each account, as the daemons read it; webhooks tell of changes in between.

-- WhatsApp's id of the template; NULL if only webhooks told of it.
ALTER TABLE whatsapp_templates ADD COLUMN "whatsappId" varchar(32);
-- The parts, as WhatsApp returns them.
ALTER TABLE whatsapp_templates ADD COLUMN components jsonb;
ALTER TABLE whatsapp_templates ADD COLUMN "parameterFormat" varchar(20);
ALTER TABLE whatsapp_templates ADD COLUMN "ttlSeconds" integer;
-- The category that it had before WhatsApp changed it.
ALTER TABLE whatsapp_templates ADD COLUMN "previousCategory" varchar(30);
-- WhatsApp's advice after a rejection.
ALTER TABLE whatsapp_templates ADD COLUMN advice text;
-- When it was last read; NULL if only webhooks told of it.
ALTER TABLE whatsapp_templates ADD COLUMN "readAt" timestamptz;
-- When a webhook last told of it: what was read within a minute of that does not undo it.
ALTER TABLE whatsapp_templates ADD COLUMN "toldAt" timestamptz;
-- When a whole sweep did not find it; NULL if it is there.
ALTER TABLE whatsapp_templates ADD COLUMN "goneAt" timestamptz;

ALTER TABLE whatsapp_accounts ADD COLUMN name text;
ALTER TABLE whatsapp_accounts ADD COLUMN currency varchar(3);
-- The business portfolio that owns the account: its numbers share one limit of messages.
ALTER TABLE whatsapp_accounts ADD COLUMN "businessId" varchar(32);
ALTER TABLE whatsapp_accounts ADD COLUMN "reviewStatus" varchar(30);
ALTER TABLE whatsapp_accounts ADD COLUMN verification varchar(40);
ALTER TABLE whatsapp_accounts ADD COLUMN "templateCount" integer;
ALTER TABLE whatsapp_accounts ADD COLUMN "templateLimit" integer;
ALTER TABLE whatsapp_accounts ADD COLUMN "readAt" timestamptz;

CREATE TABLE whatsapp_numbers (
    "businessAccountId" varchar(50) NOT NULL,
    "phoneNumberId" varchar(50) NOT NULL,
    -- As people write it.
    "displayPhoneNumber" varchar(40),
    "verifiedName" text,
    -- CONNECTED is the only healthy one.
    status varchar(30),
    "nameStatus" varchar(40),
    -- GREEN, YELLOW, RED or UNKNOWN.
    quality varchar(30),
    -- STANDARD (80 messages a second), HIGH (1,000), or NOT_APPLICABLE.
    throughput varchar(30),
    -- TIER_250 … TIER_UNLIMITED, which is that of the portfolio.
    "messagingTier" varchar(30),
    -- CLOUD_API; NOT_APPLICABLE if the number is not registered.
    platform varchar(30),
    -- The addresses that webhooks go to: of the app, and those that the account and the number have in its place.
    webhooks jsonb,
    "readAt" timestamptz NOT NULL,
    "goneAt" timestamptz,
    PRIMARY KEY ("businessAccountId", "phoneNumberId")
);

-- How far the reading of each account is. What was read is shown to a tenant only if the token of its own account has read it.
CREATE TABLE account_sweeps (
    "accountId" uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- WhatsApp's id of the account that is read; the row begins anew when the spec names another.
    "businessAccountId" varchar(50) NOT NULL,
    -- The next reading; webhooks and commands bring it forward.
    "dueAt" timestamptz NOT NULL DEFAULT now(),
    -- WhatsApp allows no calls before; nothing brings the next reading before it.
    "notBefore" timestamptz,
    -- When a webhook or a person last asked for a reading; one that began before does not answer it.
    "wantedAt" timestamptz,
    -- The daemon that reads, until then; another takes over afterwards.
    "leasedUntil" timestamptz,
    lease uuid,
    -- The start of the sweep under way, which may take several turns, and the page that comes next.
    "startedAt" timestamptz,
    cursor text,
    -- The start and the end of the last whole sweep; NULL before the first.
    "sweptFrom" timestamptz,
    "sweptAt" timestamptz,
    -- Readings that failed in a row, and why the last one did.
    failures integer NOT NULL DEFAULT 0,
    error text,
    "errorAt" timestamptz
);
CREATE INDEX "account_sweeps_dueAt_index" ON account_sweeps ("dueAt");
