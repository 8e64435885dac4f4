-- What starts a campaign is found by an index alone, however many campaigns wait for something else.

-- Campaigns that are scheduled by a schedule have no time of their own.
DROP INDEX "campaigns_scheduledAt_index";
CREATE INDEX "campaigns_scheduledAt_index" ON campaigns ("scheduledAt")
    WHERE status = 'scheduled' AND "scheduledAt" IS NOT NULL;

-- A number for a field with a simple value: the same for values that an event and a campaign may have in common.
-- Numbers go by their value, so that 1 is 1.0, and texts by what they look like, however their accents are written.
-- Not STRICT, so that it becomes a part of the statements that call it.
CREATE FUNCTION trigger_field_key(field text, value jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(normalize(field), CASE jsonb_typeof(value)
    WHEN 'string' THEN hashtextextended(normalize(value #>> '{}'), 0)
    WHEN 'number' THEN
        CASE WHEN abs(value::numeric) BETWEEN 1e-300 AND 1e300 THEN hashfloat8extended(value::numeric::float8, 0)
        ELSE 0 END
    WHEN 'boolean' THEN CASE WHEN value::boolean THEN 1 ELSE 2 END
END);

-- The key of the field that tells a campaign's "triggerConfig" best from others, of the same tenant and for the same event:
-- many campaigns differ by an id, and names of ids end so, their values have digits, or are longer than those of kinds. A
-- worse choice only costs time. 0 for a campaign that has no such field, and may take any event.
CREATE FUNCTION trigger_key(config jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce((
    SELECT trigger_field_key(f.key, f.value)
    FROM jsonb_each(CASE jsonb_typeof(config) WHEN 'object' THEN config END) f
    WHERE jsonb_typeof(f.value) IN ('string', 'number', 'boolean')
    ORDER BY f.key ~* 'id$' DESC, f.value::text ~ '[0-9]' DESC, length(f.value::text) DESC, f.key COLLATE "C" LIMIT 1
), 0);

ALTER TABLE campaigns ADD COLUMN "triggerKey" bigint GENERATED ALWAYS AS (trigger_key("triggerConfig")) STORED;
-- The key comes first: as a later column, Postgres takes it for a filter when it believes that few campaigns wait for each
-- event, and reads thousands where one event has thousands.
DROP INDEX "campaigns_tenantId_triggerType_index";
CREATE INDEX "campaigns_triggerKey_index" ON campaigns ("triggerKey", "tenantId", "triggerType")
    WHERE "triggerType" IS NOT NULL AND "archivedAt" IS NULL;
