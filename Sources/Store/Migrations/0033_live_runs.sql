-- Runs that ended lately are looked for once a second while people watch the dashboard. Counters do not move
-- "completedAt", so their updates still stay on their page.
CREATE INDEX "campaign_runs_completedAt_index" ON campaign_runs ("tenantId", "completedAt")
    WHERE "completedAt" IS NOT NULL;
