-- Locks every run and pins the oldest snapshot, as a forgotten transaction does.
BEGIN;
SELECT pg_current_xact_id();
SELECT id FROM campaign_runs FOR UPDATE;
