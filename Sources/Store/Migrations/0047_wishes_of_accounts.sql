-- A wish is one for an account of WhatsApp, and can be taken back; and what a template was before it was deleted.

-- The WhatsApp Business Account that the plan was made for: if the account names another one by now, nothing is sent.
ALTER TABLE template_submissions ADD COLUMN "wabaId" varchar(32);
UPDATE template_submissions s SET "wabaId" = a."wabaId" FROM accounts a WHERE a.id = s."accountId";
ALTER TABLE template_submissions ALTER COLUMN "wabaId" SET NOT NULL;
-- When a plan wished it no more while a request was on its way: that is settled, and not sent again.
ALTER TABLE template_submissions ADD COLUMN "takenBackAt" timestamptz;

-- A wish for a former account does not keep one for the present account waiting.
DROP INDEX "template_submissions_wanted_key";
CREATE UNIQUE INDEX "template_submissions_wanted_key"
    ON template_submissions ("accountId", "wabaId", name, coalesce(language, '')) WHERE status = 'wanted';
DROP INDEX "template_submissions_open_key";
CREATE UNIQUE INDEX "template_submissions_open_key"
    ON template_submissions ("accountId", "wabaId", name, coalesce(language, ''))
    WHERE status IN ('sending', 'unsettled');
-- WhatsApp's limits count the requests of all tenants that share an account.
CREATE INDEX "template_submissions_sentAt_index" ON template_submissions ("wabaId", "sentAt");

-- The status before a deletion: only the name of a template that was approved is barred.
ALTER TABLE whatsapp_templates ADD COLUMN "formerStatus" varchar(30);
CREATE FUNCTION keep_former_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW."formerStatus" := OLD.status;
    RETURN NEW;
END
$$;
CREATE TRIGGER whatsapp_templates_former_status BEFORE UPDATE OF status ON whatsapp_templates
    FOR EACH ROW WHEN (
        NEW.status IN ('PENDING_DELETION', 'DELETED') AND OLD.status NOT IN ('PENDING_DELETION', 'DELETED')
    )
    EXECUTE FUNCTION keep_former_status();
