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

-- The time at which WhatsApp paused the template of the run, if that is why the run is paused; NULL otherwise. When WhatsApp approves the template
-- again, the run goes on by itself.
ALTER TABLE campaign_runs ADD COLUMN "templateHeldAt" timestamptz;
CREATE INDEX "campaign_runs_templateHeldAt_index" ON campaign_runs ("templateHeldAt") WHERE "templateHeldAt" IS NOT NULL;

-- A run was paused, goes on because its template was approved again, or a guard ended its launch.
CREATE OR REPLACE FUNCTION notify_of_action() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_tenant(
        NEW."tenantId",
        CASE
            WHEN NEW.action = 'cancel' THEN ARRAY['failed']
            WHEN NEW.who = 'guard:quota' THEN ARRAY['quota', 'paused']
            WHEN NEW.who = 'guard:template' THEN ARRAY['template', 'paused']
            ELSE ARRAY['paused']
        END,
        (SELECT r."campaignId" FROM campaign_runs r WHERE r.id = NEW."runId"), NEW."runId",
        CASE NEW.action WHEN 'cancel' THEN 'cancelled' WHEN 'resume' THEN 'resumed' ELSE 'paused' END, NEW.reason, NEW.who
    );
    RETURN NULL;
END
$$;
DROP TRIGGER run_actions_told ON run_actions;
CREATE TRIGGER run_actions_told AFTER INSERT ON run_actions
    FOR EACH ROW WHEN (
        NEW.action = 'pause' OR (NEW.action = 'cancel' AND starts_with(NEW.who, 'guard:'))
            OR (NEW.action = 'resume' AND NEW.who = 'guard:template')
    )
    EXECUTE FUNCTION notify_of_action();
