-- The tables may be in a schema other than public, beside others of their kind in one database.

-- Returns the channel on which daemons of this schema are told of something. In public it is that of the versions before.
-- The name of a channel has at most 63 bytes.
CREATE FUNCTION cell_channel(name text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE coalesce(current_schema(), 'public') WHEN 'public' THEN name ELSE left(name || '.' || current_schema(), 63) END;

-- Functions that tell daemons of something tell those of their schema.
DO $$
DECLARE
    definition text;
BEGIN
    FOR definition IN
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE p.pronamespace = to_regnamespace(quote_ident(current_schema())) AND p.prosrc ~ 'pg_notify\(''campaign_'
    LOOP
        EXECUTE regexp_replace(definition, 'pg_notify\((''campaign_[a-z]+'')', 'pg_notify(cell_channel(\1)', 'g');
    END LOOP;
END
$$;
