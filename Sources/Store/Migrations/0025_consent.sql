-- Who opted out, when, by which source, and of what; also people who are no contacts.

-- Read by the migrator, and shown to the operator.
CREATE TEMPORARY TABLE migration_notes (note text NOT NULL) ON COMMIT DROP;

-- A user id of WhatsApp, which may be all that is known of a person, has up to 150 characters. A wider column changes nothing for
-- other systems that write it, and no row is rewritten. A column that is wide enough stays as it is.
DO $$
DECLARE
    cause text;
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND attname = 'contactId'
            AND atttypid = 'varchar'::regtype AND atttypmod BETWEEN 5 AND 153
    ) THEN
        ALTER TABLE contacts ALTER COLUMN "contactId" TYPE varchar(150);
    END IF;
EXCEPTION WHEN feature_not_supported OR syntax_error THEN
    -- A view, a rule, a trigger or a generated column of another system uses the column.
    GET STACKED DIAGNOSTICS cause = PG_EXCEPTION_DETAIL;
    INSERT INTO migration_notes VALUES (format(
        'contacts: "contactId" stays too short for long user ids of WhatsApp, because something depends on it (%s). People with '
        'such an id cannot be contacts until it was dropped, and this was run: ALTER TABLE contacts ALTER COLUMN "contactId" '
        'TYPE varchar(150)', coalesce(nullif(cause, ''), SQLERRM)
    ));
END
$$;

-- Returns the one form of an id, by which all spellings of a phone number meet: its digits, without a plus sign, a leading 00
-- and separators. Numbers that WhatsApp rewrites have one form, too: without the ninth digit of Brazilian mobile numbers, the
-- 1 after Mexico's code and the 9 after Argentina's. An id that is no international number stays as it is.
--
-- An index holds results of this function, so a later migration must not change them.
CREATE FUNCTION contact_key(id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    -- Most ids are in this form, and two tests cost less than three replacements.
    WHEN id ~ '^[1-9][0-9]{6,14}$' AND left(id, 2) NOT IN ('52', '54', '55') THEN id
    ELSE regexp_replace(
        coalesce(
            substring(
                regexp_replace(
                    id,
                    '^(tel|whatsapp):|[-\s.()/\[\]\u00a0\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202f\u2060-\u2069\ufeff]',
                    '', 'g'
                ) FROM '^(?:\+|00)?([1-9][0-9]{6,14})$'
            ),
            id
        ),
        '^(?:(55[0-9]{2})9([6-9][0-9]{7})|(52)1([0-9]{10})|(54)9([0-9]{10}))$', '\1\2\3\4\5\6'
    )
END;
CREATE INDEX "contacts_tenantId_key_index" ON contacts ("tenantId", contact_key("contactId"));

-- What a person has said last, by each id known; also of people who are no contacts. A statement counts until a later one
-- about the same level; of two at the same time the opt-out counts.
CREATE TABLE suppressions (
    "tenantId" varchar(50) NOT NULL,
    -- The contact_key of an id. Text, so that it can also hold a hash with the name of its kind, which is longer than any id.
    key text NOT NULL,
    -- The last statements about all messages.
    "optedOutAt" timestamptz,
    "optedInAt" timestamptz,
    -- The last statements about marketing messages; who agrees to all messages agrees to these, too.
    "marketingOutAt" timestamptz,
    "marketingInAt" timestamptz,
    -- The messages that the person does not get: 'all' or 'marketing'; NULL if there are none.
    level varchar(10) GENERATED ALWAYS AS (
        CASE
            WHEN "optedOutAt" IS NOT NULL AND ("optedInAt" > "optedOutAt") IS NOT TRUE THEN 'all'
            WHEN "marketingOutAt" IS NOT NULL AND ("marketingInAt" > "marketingOutAt") IS NOT TRUE THEN 'marketing'
        END
    ) STORED,
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("tenantId", key)
);
CREATE INDEX "suppressions_active_index" ON suppressions ("tenantId", key) WHERE level IS NOT NULL;
-- A contact that is being added while a suppression is written may not see it, so daemons look at the newest ones again.
CREATE INDEX "suppressions_recent_index" ON suppressions ("updatedAt", "tenantId", key) WHERE level IS NOT NULL;

-- Every statement about consent, for proof; it only grows.
CREATE TABLE consent_changes (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "tenantId" varchar(50) NOT NULL,
    key text NOT NULL,
    level varchar(10) NOT NULL CHECK (level IN ('all', 'marketing')),
    "isOptedIn" boolean NOT NULL,
    source varchar(20) NOT NULL,
    -- The person who said it for the contact; NULL if the contact did.
    actor varchar(300),
    reason text,
    at timestamptz NOT NULL,
    "recordedAt" timestamptz NOT NULL DEFAULT now()
);
-- A webhook that comes twice is one statement.
CREATE UNIQUE INDEX consent_changes_key ON consent_changes ("tenantId", key, at, level, "isOptedIn", source);

-- The level of the contact's suppressions, for statements that read the contact anyway. Other systems that write contacts do
-- not know the column, so they undo nothing.
ALTER TABLE contacts ADD COLUMN "suppressedLevel" varchar(10);

-- Gives new contacts the suppression of their number. Other systems add contacts, too, so it has the rights and the path of
-- its owner.
CREATE FUNCTION suppress_new_contacts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE contacts c SET
        "suppressedLevel" = s.level,
        "optedIn" = c."optedIn" AND s.level <> 'all',
        "optedOutAt" = CASE WHEN s.level = 'all' THEN greatest(c."optedOutAt", s."optedOutAt") ELSE c."optedOutAt" END
    FROM (SELECT a.id, a."tenantId", contact_key(a."contactId") AS key FROM added a OFFSET 0) a
    CROSS JOIN LATERAL (
        -- Only its key finds a suppression, whatever Postgres knows of the table.
        SELECT * FROM suppressions s
        WHERE s."tenantId" = a."tenantId" AND s.key >= a.key AND s.key <= a.key ORDER BY s.key OFFSET 0
    ) s
    WHERE s.level IS NOT NULL AND c.id = a.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER contacts_added_suppressed AFTER INSERT ON contacts REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION suppress_new_contacts();

-- A contact with another number keeps its own suppression, and gets that of the number.
CREATE FUNCTION suppress_renumbered_contact() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path FROM CURRENT AS $$
BEGIN
    -- 'all' comes before 'marketing', and NULL does not count.
    NEW."suppressedLevel" := least(NEW."suppressedLevel", (
        SELECT s.level FROM suppressions s
        WHERE s."tenantId" = NEW."tenantId" AND s.key = contact_key(NEW."contactId")
    ));
    RETURN NEW;
END
$$;
CREATE TRIGGER contacts_renumbered_suppressed BEFORE UPDATE OF "contactId" ON contacts
    FOR EACH ROW WHEN (NEW."contactId" IS DISTINCT FROM OLD."contactId") EXECUTE FUNCTION suppress_renumbered_contact();

-- Contacts who opted out by a message before there were suppressions. A later consent without a time does not count.
INSERT INTO suppressions ("tenantId", key, "optedOutAt")
SELECT c."tenantId", contact_key(c."contactId"), max(c."optedOutAt") FROM contacts c
WHERE c."optedOutAt" IS NOT NULL AND (c."optedInAt" > c."optedOutAt") IS NOT TRUE GROUP BY 1, 2;

INSERT INTO consent_changes ("tenantId", key, level, "isOptedIn", source, at)
SELECT s."tenantId", s.key, 'all', false, 'earlier', s."optedOutAt" FROM suppressions s;

WITH suppressed AS (
    UPDATE contacts c SET "suppressedLevel" = 'all' FROM suppressions s
    WHERE s."tenantId" = c."tenantId" AND s.key = contact_key(c."contactId")
    RETURNING c."optedIn"
)
INSERT INTO migration_notes
SELECT format(
    'contacts: %s opted out by a message and were opted in again later, without a time at which they agreed; they get no '
    'messages. If they have agreed, run: campaignd contacts unsuppress NUMBER --tenant TENANT', count(*)
) FROM suppressed WHERE "optedIn" HAVING count(*) > 0;

-- False if contacts who stopped only marketing messages get those of the run. Runs of older daemons count as marketing.
ALTER TABLE campaign_runs ADD COLUMN "isMarketing" boolean NOT NULL DEFAULT true;
-- True if contacts of whom only a user id is known cannot get its messages: WhatsApp sends no authentication template to one.
ALTER TABLE campaign_runs ADD COLUMN "needsNumber" boolean NOT NULL DEFAULT false;
-- The contacts within the audience that were no recipients at the launch, in numbers by reason; NULL if not counted.
ALTER TABLE campaign_runs ADD COLUMN "leftOut" jsonb;

-- Launches look for the category by the name that the message has.
CREATE INDEX "templates_whatsappName_index" ON templates ("tenantId", "whatsappName");

-- Has open runs follow the category of their template, which WhatsApp may change.
CREATE FUNCTION follow_template_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE campaign_runs r SET "isMarketing" = t.category NOT IN ('utility', 'authentication'),
        "needsNumber" = t.category = 'authentication'
    FROM changed t, campaign_revisions v
    WHERE t."archivedAt" IS NULL AND r."tenantId" = t."tenantId" AND r.status IN ('launching', 'running', 'paused')
        AND v.id = r."revisionId" AND v.content #>> '{message,template,name}' = t."whatsappName"
        AND (r."isMarketing", r."needsNumber")
            <> (t.category NOT IN ('utility', 'authentication'), t.category = 'authentication');
    RETURN NULL;
END
$$;
CREATE TRIGGER templates_added_category_followed AFTER INSERT ON templates REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION follow_template_category();
CREATE TRIGGER templates_category_followed AFTER UPDATE ON templates REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION follow_template_category();

UPDATE campaign_runs r SET "isMarketing" = false, "needsNumber" = t.category = 'authentication' FROM templates t, campaign_revisions v
WHERE t."archivedAt" IS NULL AND t.category IN ('utility', 'authentication') AND r."tenantId" = t."tenantId"
    AND r.status IN ('launching', 'running', 'paused')
    AND v.id = r."revisionId" AND v.content #>> '{message,template,name}' = t."whatsappName";
