-- Guard rails that hold at each launch.

-- The limits that a reviewer allowed beyond the tenant's policy, such as {"maxRecipients": "998"}.
ALTER TABLE campaigns ADD COLUMN "allowedPolicy" jsonb;
ALTER TABLE tenants ADD COLUMN "allowedPolicy" jsonb;

-- The most recipients that the run may have, from the policy and what a reviewer allowed; NULL for no limit.
ALTER TABLE campaign_runs ADD COLUMN "recipientLimit" integer;
-- Contacts of the audience that free text could not reach, because they wrote more than 24 hours ago.
ALTER TABLE campaign_runs ADD COLUMN "unreachableCount" integer NOT NULL DEFAULT 0;

-- Quota groups are the tenant's own: the row of a sender and everything in Redis have `tenant/group`. The default group,
-- the phone number, stays what it is, because all tenants that use a number share its quota; no such id has a slash.
ALTER TABLE senders ALTER COLUMN "quotaGroup" TYPE varchar(200);
ALTER TABLE quota_hours ALTER COLUMN "quotaGroup" TYPE varchar(200);
ALTER TABLE queue_epochs ALTER COLUMN "quotaGroup" TYPE varchar(200);
-- The name under which Redis still has buckets of the group; NULL once they are carried over.
ALTER TABLE queue_epochs ADD COLUMN "formerGroup" varchar(100);

-- Tenants that shared a name each begin with all that was sent under it: no quota returns by the new names. Daemons cannot
-- count meanwhile, because the tables are locked.
INSERT INTO quota_hours ("quotaGroup", hour, "tenantId", count)
SELECT g."newGroup", q.hour, q."tenantId", q.count
FROM (
    SELECT DISTINCT "quotaGroup", "tenantId" || '/' || "quotaGroup" AS "newGroup" FROM senders
    WHERE "quotaGroup" <> "phoneNumberId"
) g
JOIN quota_hours q ON q."quotaGroup" = g."quotaGroup"
WHERE q.hour > now() - interval '26 hours';

INSERT INTO queue_epochs ("quotaGroup", epoch, "formerGroup")
SELECT g."newGroup", e.epoch, e."quotaGroup"
FROM (
    SELECT DISTINCT "quotaGroup", "tenantId" || '/' || "quotaGroup" AS "newGroup" FROM senders
    WHERE "quotaGroup" <> "phoneNumberId"
) g
JOIN queue_epochs e ON e."quotaGroup" = g."quotaGroup";

UPDATE senders SET "quotaGroup" = "tenantId" || '/' || "quotaGroup" WHERE "quotaGroup" <> "phoneNumberId";

DELETE FROM quota_hours q
WHERE q."quotaGroup" IN (SELECT "formerGroup" FROM queue_epochs)
    AND NOT EXISTS (SELECT FROM senders s WHERE s."quotaGroup" = q."quotaGroup");
DELETE FROM queue_epochs e
WHERE e."quotaGroup" IN (SELECT "formerGroup" FROM queue_epochs)
    AND NOT EXISTS (SELECT FROM senders s WHERE s."quotaGroup" = e."quotaGroup");

-- Writers of senders give the name of the group alone.
CREATE FUNCTION own_quota_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW."quotaGroup" <> NEW."phoneNumberId" AND NOT starts_with(NEW."quotaGroup", NEW."tenantId" || '/') THEN
        NEW."quotaGroup" := NEW."tenantId" || '/' || NEW."quotaGroup";
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER senders_own_quota_group BEFORE INSERT OR UPDATE OF "quotaGroup", "phoneNumberId" ON senders
    FOR EACH ROW EXECUTE FUNCTION own_quota_group();
