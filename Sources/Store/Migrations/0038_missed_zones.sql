-- Zones whose time came while no daemon was running.

-- The last instant at which a daemon may find that the time of the zone has come: a later one sends nothing there; NULL for any.
ALTER TABLE run_zones ADD COLUMN "sendBy" timestamptz;
-- When a daemon found that the time of the zone had come, and all that follows from it is done; NULL before.
ALTER TABLE run_zones ADD COLUMN "settledAt" timestamptz;
UPDATE run_zones SET "settledAt" = now() WHERE "sendAt" <= now();
CREATE INDEX "run_zones_sendAt_index" ON run_zones ("sendAt") WHERE "settledAt" IS NULL;
