-- Open runs follow what WhatsApp makes of the category of their template, and their estimate does, too.

-- Of templates that fit a message equally well, the category alone decides, so that a plan finds the same one as the launch after it.
CREATE OR REPLACE FUNCTION category_of_template(tenant text, template text, code text, account uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT t.category::text FROM templates t
    WHERE t."tenantId" = tenant AND t."whatsappName" = template AND t."archivedAt" IS NULL
    ORDER BY coalesce(t.language = code OR t.parts -> 'languages' ? code, false) DESC,
        coalesce(t."accountId" = account, true) DESC, (t.category = 'marketing') DESC, (t.category = 'authentication') DESC
    LIMIT 1
$$;

-- Since when the estimate of the run is that of another category than its messages have; NULL if it is right.
ALTER TABLE campaign_runs ADD COLUMN "estimateDueAt" timestamptz;
CREATE INDEX "campaign_runs_estimateDueAt_index" ON campaign_runs ("estimateDueAt") WHERE "estimateDueAt" IS NOT NULL;

-- The category of the messages of a run, by the rule of launches: marketing if WhatsApp has made it that in a language that the
-- run sends, or will; else that of the template. NULL for free text, and if no template has the name.
CREATE FUNCTION category_of_run(run uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM whatsapp_templates w
            WHERE w."businessAccountId" = coalesce(
                    (SELECT a."wabaId" FROM accounts a WHERE a.id = n."accountId"), n."businessAccountId"
                ) AND w.name = n.name
                AND w."goneAt" IS NULL AND 'MARKETING' IN (upper(w.category), upper(w."nextCategory"))
                AND (w.language = n.code OR jsonb_exists(n.languages, w.language))
        ) THEN 'marketing'
        ELSE coalesce(
            (
                SELECT t.category::text FROM campaigns c JOIN templates t ON t.id = c."templateId"
                WHERE c.id = n."campaignId" AND t."tenantId" = n."tenantId" AND t."whatsappName" = n.name
            ),
            category_of_template(n."tenantId", n.name, n.code, n."accountId")
        )
    END
    FROM (
        SELECT o."tenantId", o."campaignId", s."accountId", s."businessAccountId",
            v.content #>> '{message,template,name}' AS name,
            replace(v.content #>> '{message,template,language,code}', '-', '_') AS code,
            v.content #> '{message,languages,components}' AS languages
        FROM campaign_runs o
        JOIN campaign_revisions v ON v.id = o."revisionId"
        JOIN senders s ON s.id = o."senderId"
        WHERE o.id = run
    ) n
    WHERE n.name IS NOT NULL
$$;

-- Gives runs that are open the category that their template has now. What was sent keeps the price that it had.
CREATE FUNCTION follow_categories(runs uuid[]) RETURNS void LANGUAGE sql AS $$
    WITH followed AS MATERIALIZED (
        SELECT r.id, f.category FROM campaign_runs r CROSS JOIN LATERAL (SELECT category_of_run(r.id) AS category) f
        WHERE r.id = ANY(runs) AND r.status IN ('launching', 'running', 'paused')
            AND (r."isMarketing", r."needsNumber")
                <> (f.category NOT IN ('utility', 'authentication'), f.category = 'authentication')
        ORDER BY r.id FOR NO KEY UPDATE OF r
    )
    UPDATE campaign_runs r SET "isMarketing" = f.category NOT IN ('utility', 'authentication'),
        "needsNumber" = f.category = 'authentication',
        "estimateDueAt" = CASE WHEN r."estimatedCost" IS NOT NULL THEN coalesce(r."estimateDueAt", clock_timestamp()) END
    FROM followed f WHERE r.id = f.id
$$;

-- Has open runs follow the category of their template in the specs.
CREATE OR REPLACE FUNCTION follow_template_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM follow_categories(ARRAY(
        SELECT o.id FROM campaign_runs o JOIN campaign_revisions v ON v.id = o."revisionId"
        WHERE o.status IN ('launching', 'running', 'paused') AND EXISTS (
            SELECT FROM changed t
            WHERE t."tenantId" = o."tenantId" AND t."whatsappName" = v.content #>> '{message,template,name}'
        )
    ));
    RETURN NULL;
END
$$;

-- Has open runs follow the category that WhatsApp gives their template. Most changes of its rows are about something else.
CREATE FUNCTION follow_category_at_whatsapp() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    names text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        names := ARRAY(SELECT DISTINCT c.name FROM changed c WHERE c.category IS NOT NULL OR c."nextCategory" IS NOT NULL);
    ELSE
        names := ARRAY(
            SELECT DISTINCT c.name FROM changed c JOIN former f USING ("businessAccountId", name, language)
            WHERE (upper(c.category), upper(c."nextCategory"), c."goneAt" IS NULL)
                IS DISTINCT FROM (upper(f.category), upper(f."nextCategory"), f."goneAt" IS NULL)
        );
    END IF;
    IF cardinality(names) > 0 THEN
        PERFORM follow_categories(ARRAY(
            SELECT o.id FROM campaign_runs o JOIN campaign_revisions v ON v.id = o."revisionId"
            WHERE o.status IN ('launching', 'running', 'paused') AND v.content #>> '{message,template,name}' = ANY(names)
        ));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER whatsapp_templates_added_category_followed AFTER INSERT ON whatsapp_templates
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION follow_category_at_whatsapp();
CREATE TRIGGER whatsapp_templates_category_followed AFTER UPDATE ON whatsapp_templates
    REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION follow_category_at_whatsapp();

-- The path of a file below the folder of specs, as the last apply that named it has it; NULL for files of before.
ALTER TABLE media ADD COLUMN path text;

-- Those that a daemon opened before this step.
SELECT follow_categories(ARRAY(SELECT id FROM campaign_runs WHERE status IN ('launching', 'running', 'paused')));
