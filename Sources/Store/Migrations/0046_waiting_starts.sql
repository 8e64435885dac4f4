-- Starts that wait for WhatsApp, what tenants are told of their templates, and senders that change their quota group.

-- A time of a schedule can wait for the approval of the template of its campaign.
ALTER TABLE campaign_schedules ADD COLUMN "startWhenApproved" boolean NOT NULL DEFAULT false;
ALTER TABLE schedule_occurrences DROP CONSTRAINT schedule_occurrences_outcome_check;
ALTER TABLE schedule_occurrences ADD CONSTRAINT schedule_occurrences_outcome_check
    CHECK (outcome IN ('started', 'skipped', 'failed', 'waiting'));
-- When the wait ends without a start; NULL unless it waits.
ALTER TABLE schedule_occurrences ADD COLUMN "waitsUntil" timestamptz;
-- Hashes of the schedule and of the campaign, as they were when the wait began: an edit of either ends it. NULL unless it waits.
ALTER TABLE schedule_occurrences ADD COLUMN "waitsFor" jsonb;
CREATE INDEX "schedule_occurrences_waiting_index" ON schedule_occurrences ("scheduledFor", "scheduleId")
    WHERE outcome = 'waiting';

-- A campaign is `scheduled` also while a time of its schedule waits.
CREATE OR REPLACE FUNCTION follow_campaign_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Of both campaigns, when the schedule went from one to another.
    UPDATE campaigns c
    SET status = CASE
            WHEN f.fires THEN 'scheduled'
            WHEN EXISTS (SELECT FROM campaign_runs r WHERE r."campaignId" = c.id) THEN 'completed'
            ELSE 'draft'
        END::campaign_status_enum,
        "updatedAt" = now()
    FROM (
        SELECT w.id, EXISTS (
            SELECT FROM campaign_schedules s WHERE s."campaignId" = w.id AND s."isActive" AND s."archivedAt" IS NULL
                AND (s."nextRunAt" IS NOT NULL OR EXISTS (
                    SELECT FROM schedule_occurrences o WHERE o."scheduleId" = s.id AND o.outcome = 'waiting'
                ))
        ) AS fires
        FROM (SELECT NEW."campaignId" UNION SELECT CASE WHEN TG_OP = 'UPDATE' THEN OLD."campaignId" END) AS w(id)
    ) f
    WHERE c.id = f.id AND (
        (f.fires AND c.status IN ('draft', 'completed'))
        OR (NOT f.fires AND c.status = 'scheduled' AND c."scheduledAt" IS NULL)
    );
    RETURN NULL;
END
$$;

-- A start that waited can fail as well.
CREATE TRIGGER schedule_occurrences_late_failure_told AFTER UPDATE OF outcome ON schedule_occurrences
    FOR EACH ROW WHEN (NEW.outcome = 'failed' AND OLD.outcome = 'waiting')
    EXECUTE FUNCTION notify_of_failed_occurrence();

-- When the tenant was told what became of a wish: its review, or its failure.
ALTER TABLE template_submissions ADD COLUMN "toldAt" timestamptz;
UPDATE template_submissions SET "toldAt" = now() WHERE "settledAt" < now() - interval '1 day';
CREATE INDEX "template_submissions_untold_index" ON template_submissions (id)
    WHERE "toldAt" IS NULL AND status IN ('done', 'failed');

-- The state of a template at WhatsApp has changed, whether a webhook or a reading says so: starts that wait for it look again, and
-- the tenants that use it are told if it cannot be sent any more.
CREATE FUNCTION notify_of_template() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM schedule_occurrences o WHERE o.outcome = 'waiting') THEN
        PERFORM pg_notify('campaign_schedules', '');
    END IF;
    IF NEW.status NOT IN (
        'PAUSED', 'DISABLED', 'REJECTED', 'ARCHIVED', 'IN_APPEAL', 'PENDING_DELETION', 'DELETED'
    ) THEN
        RETURN NULL;
    END IF;
    -- The first reading of an account tells what was so before.
    IF (TG_OP = 'INSERT' OR OLD.status IS NULL) AND NEW."toldAt" IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM notify_tenant(
        t."tenantId"::text, ARRAY['template'], NULL, NULL, 'template',
        'WhatsApp says of template `' || NEW.name || '` (' || NEW.language || '): ' || NEW.status
            || coalesce(', ' || nullif(NEW.reason, 'NONE'), ''),
        'guard:template'
    )
    FROM tenants t
    WHERE t."archivedAt" IS NULL AND t.notify IS NOT NULL
        AND (
            EXISTS (
                SELECT FROM senders s
                WHERE s."tenantId" = t."tenantId" AND s."businessAccountId" = NEW."businessAccountId"
            )
            OR EXISTS (
                SELECT FROM accounts a JOIN account_sweeps w ON w."accountId" = a.id
                WHERE a."tenantId" = t."tenantId" AND a."archivedAt" IS NULL AND a."wabaId" = NEW."businessAccountId"
                    AND w."businessAccountId" = a."wabaId" AND w."sweptAt" IS NOT NULL
            )
        )
        AND (
            EXISTS (
                SELECT FROM templates m WHERE m."tenantId" = t."tenantId" AND m."archivedAt" IS NULL
                    AND m."whatsappName" = NEW.name
                    AND (m.language = NEW.language OR jsonb_exists(m.parts -> 'languages', NEW.language))
            )
            OR EXISTS (
                SELECT FROM campaigns c WHERE c."tenantId" = t."tenantId" AND c."archivedAt" IS NULL
                    AND c."messageTemplate" #>> '{template,name}' = NEW.name
                    AND (
                        replace(c."messageTemplate" #>> '{template,language,code}', '-', '_') = NEW.language
                        OR jsonb_exists(c."messageTemplate" #> '{languages,components}', NEW.language)
                    )
            )
        )
        -- The verdict on what the tenant has submitted is told with its wish.
        AND NOT EXISTS (
            SELECT FROM template_submissions s JOIN accounts a ON a.id = s."accountId"
            WHERE s."tenantId" = t."tenantId" AND a."wabaId" = NEW."businessAccountId" AND s.name = NEW.name
                AND s.language = NEW.language AND s.action <> 'delete' AND s."toldAt" IS NULL
                AND s.status IN ('sending', 'unsettled', 'done')
                AND s."sentAt" - interval '5 seconds' <= NEW."statusAt"
        );
    RETURN NULL;
END
$$;
CREATE TRIGGER whatsapp_templates_added_told AFTER INSERT ON whatsapp_templates
    FOR EACH ROW WHEN (NEW.status IS NOT NULL) EXECUTE FUNCTION notify_of_template();
CREATE TRIGGER whatsapp_templates_changed_told AFTER UPDATE OF status ON whatsapp_templates
    FOR EACH ROW WHEN (NEW.status IS DISTINCT FROM OLD.status) EXECUTE FUNCTION notify_of_template();

-- The quota group that a sender has left: its lane there is emptied when the lanes of the new one are rebuilt.
ALTER TABLE senders ADD COLUMN "formerGroup" varchar(200);
CREATE FUNCTION leave_quota_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW."formerGroup" := OLD."quotaGroup";
    RETURN NEW;
END
$$;
-- Triggers of a row fire by name, and `senders_own_quota_group` is first: both see the name as it is stored.
CREATE TRIGGER senders_quota_group_left BEFORE UPDATE OF "quotaGroup", "phoneNumberId" ON senders
    FOR EACH ROW WHEN (OLD."quotaGroup" IS DISTINCT FROM NEW."quotaGroup") EXECUTE FUNCTION leave_quota_group();

-- What a number has sent in the last day counts in its new group, whose lanes are rebuilt with it.
CREATE FUNCTION join_quota_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD."quotaGroup" = OLD."phoneNumberId" AND OLD."phoneNumberId" = NEW."phoneNumberId" THEN
        INSERT INTO quota_hours AS q ("quotaGroup", hour, "tenantId", count)
        SELECT NEW."quotaGroup", h.hour, h."tenantId", h.count FROM quota_hours h
        WHERE h."quotaGroup" = OLD."quotaGroup" AND h."tenantId" = NEW."tenantId"
            AND h.hour > now() - interval '26 hours'
        ORDER BY h.hour
        ON CONFLICT ("quotaGroup", hour, "tenantId") DO UPDATE SET count = q.count + excluded.count;
    END IF;
    UPDATE queue_epochs SET epoch = epoch + 1 WHERE "quotaGroup" = NEW."quotaGroup";
    RETURN NULL;
END
$$;
CREATE TRIGGER senders_quota_group_joined AFTER UPDATE OF "quotaGroup", "phoneNumberId" ON senders
    FOR EACH ROW WHEN (OLD."quotaGroup" IS DISTINCT FROM NEW."quotaGroup") EXECUTE FUNCTION join_quota_group();
