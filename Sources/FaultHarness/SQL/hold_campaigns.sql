-- Locks every run and pins the oldest snapshot, as a forgotten transaction does.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT id FROM campaign_runs FOR UPDATE;
