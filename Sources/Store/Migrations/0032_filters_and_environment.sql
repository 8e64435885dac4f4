-- Filters compare texts by a collation of their own, so that they mean the same whatever the locale of the database is.
CREATE TEMPORARY TABLE migration_notes (note text NOT NULL) ON COMMIT DROP;

DO $$
DECLARE
    definition text;
BEGIN
    FOREACH definition IN ARRAY ARRAY[
        $d$provider = icu, locale = 'und'$d$, $d$provider = builtin, locale = 'C.UTF-8'$d$,
        $d$provider = libc, locale = 'C.utf8'$d$, $d$provider = libc, locale = 'C'$d$
    ] LOOP
        BEGIN
            EXECUTE format('CREATE COLLATION campaigns_text (%s)', definition);
            EXIT;
        EXCEPTION WHEN OTHERS THEN
            -- The last definition works in every database.
            CONTINUE;
        END;
    END LOOP;
    IF (SELECT collprovider <> 'i' FROM pg_collation WHERE oid = 'campaigns_text'::regcollation) THEN
        INSERT INTO migration_notes VALUES (
            'this database has no ICU collations, so filters that ignore case may miss letters beyond ASCII; use a server '
            'with ICU and a database in UTF-8'
        );
    END IF;
END
$$;

-- Tenants whose specs were applied by the former rules of filters: the next plan says what that changes.
CREATE TABLE former_filters (
    "tenantId" varchar(50) PRIMARY KEY
);
INSERT INTO former_filters
SELECT DISTINCT "tenantId" FROM campaigns WHERE "managedBy" = 'spec' AND "archivedAt" IS NULL;

-- The environment whose values the specs of this database have.
CREATE TABLE spec_environment (
    "isOnly" boolean PRIMARY KEY DEFAULT true CHECK ("isOnly"),
    name varchar(63) NOT NULL,
    "setAt" timestamptz NOT NULL DEFAULT now()
);
