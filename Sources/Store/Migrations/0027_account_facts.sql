-- What WhatsApp's webhooks say of templates, numbers and accounts. They come twice and in any order, so each fact has the time
-- at which WhatsApp reported it, and the later one stays.

CREATE TABLE whatsapp_templates (
    "businessAccountId" varchar(50) NOT NULL,
    name varchar(512) NOT NULL,
    -- With an underscore: webhooks have `en-US` for `en_US`.
    language varchar(20) NOT NULL,
    status varchar(30),
    reason text,
    "statusAt" timestamptz,
    quality varchar(30),
    "qualityAt" timestamptz,
    category varchar(30),
    -- The category that it will have; NULL if none is announced.
    "nextCategory" varchar(30),
    "categoryAt" timestamptz,
    PRIMARY KEY ("businessAccountId", name, language)
);

CREATE TABLE whatsapp_accounts (
    "businessAccountId" varchar(50) PRIMARY KEY,
    -- Business-initiated messages in 24 hours; NULL if WhatsApp named no limit.
    "messagingLimit" integer,
    "limitAt" timestamptz,
    -- The restrictions that forbid sending; NULL if there are none.
    restriction text,
    "restrictedUntil" timestamptz,
    "restrictionAt" timestamptz
);

-- The last event of the number's quality, such as FLAGGED.
ALTER TABLE senders ADD COLUMN "qualityEvent" varchar(30);
ALTER TABLE senders ADD COLUMN "qualityEventAt" timestamptz;
-- The limit of its account, which is read with the sender's own.
ALTER TABLE senders ADD COLUMN "messagingLimit" integer;
