-- The languages of a template and those of several accounts are templates of their own, each with a category of its own.

-- The category of the template that a message names; NULL if there is none of the name. Those of the language count first, then
-- those of the account; of several a marketing one, so that nobody gets what they have stopped.
CREATE FUNCTION category_of_template(tenant text, template text, code text, account uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT t.category::text FROM templates t
    WHERE t."tenantId" = tenant AND t."whatsappName" = template AND t."archivedAt" IS NULL
    ORDER BY coalesce(t.language = code OR t.parts -> 'languages' ? code, false) DESC,
        coalesce(t."accountId" = account, true) DESC, (t.category = 'marketing') DESC, t."createdAt" DESC
    LIMIT 1
$$;

-- Has open runs follow the category of their template. Before, a template of the same name in another language changed it.
CREATE OR REPLACE FUNCTION follow_template_category() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE campaign_runs r SET "isMarketing" = f.category NOT IN ('utility', 'authentication'),
        "needsNumber" = f.category = 'authentication'
    FROM (
        SELECT o.id, category_of_template(
                o."tenantId", v.content #>> '{message,template,name}',
                replace(v.content #>> '{message,template,language,code}', '-', '_'), s."accountId"
            ) AS category
        FROM campaign_runs o
        JOIN campaign_revisions v ON v.id = o."revisionId"
        JOIN senders s ON s.id = o."senderId"
        WHERE o.status IN ('launching', 'running', 'paused') AND EXISTS (
            SELECT FROM changed t
            WHERE t."tenantId" = o."tenantId" AND t."whatsappName" = v.content #>> '{message,template,name}'
        )
    ) f
    WHERE r.id = f.id AND (r."isMarketing", r."needsNumber")
        <> (f.category NOT IN ('utility', 'authentication'), f.category = 'authentication');
    RETURN NULL;
END
$$;
