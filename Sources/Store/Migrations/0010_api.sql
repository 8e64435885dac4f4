-- Look-ups that the REST API makes and nobody made before.

-- Runs of a tenant: the overview adds their counters up.
CREATE INDEX "campaign_runs_tenantId_index" ON campaign_runs ("tenantId");

-- Failed messages of a run by their code. Only failures are in it, so neither a launch nor a message that arrives pays
-- for it; a page's worth of updates stays within its page as before.
CREATE INDEX "campaign_messages_runId_errorCode_index" ON campaign_messages ("runId", "errorCode")
    WHERE "failedAt" IS NOT NULL;

-- Campaigns of a template: one that is in use cannot be deleted.
CREATE INDEX "campaigns_templateId_index" ON campaigns ("templateId") WHERE "templateId" IS NOT NULL;
