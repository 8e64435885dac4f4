-- Runs that wait for their quota.
SELECT count(*)::int FROM campaign_runs WHERE status = 'paused' AND "quotaUntil" IS NOT NULL
