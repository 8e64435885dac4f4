-- What delivery needs to know of quotas and quiet hours.

ALTER TABLE campaign_runs
    -- Set while the run is paused because the 24 h quota is used up: when some of it returns. Only business-initiated
    -- messages wait then, the others go on.
    ADD COLUMN "quotaUntil" timestamptz;

-- When the quiet hours end that an instant lies in; NULL outside of them, and when there are none.
CREATE FUNCTION quiet_until(hours jsonb, zone text, instant timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE STRICT AS $$
    SELECT CASE
        WHEN q."from" <= q."to" AND q.local::time >= q."from" AND q.local::time < q."to"
            THEN (q.local::date + q."to") AT TIME ZONE zone
        WHEN q."from" > q."to" AND q.local::time >= q."from" THEN (q.local::date + 1 + q."to") AT TIME ZONE zone
        WHEN q."from" > q."to" AND q.local::time < q."to" THEN (q.local::date + q."to") AT TIME ZONE zone
    END
    FROM (
        SELECT instant AT TIME ZONE zone AS local, (hours ->> 'from')::time AS "from", (hours ->> 'to')::time AS "to"
    ) q
$$;
