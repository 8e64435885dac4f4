-- When the specs were in order again: what goes wrong afterwards in the same way is told again.

ALTER TABLE reconcile_attempts ADD COLUMN "healedAt" timestamptz;
CREATE INDEX "reconcile_attempts_open_index" ON reconcile_attempts (fingerprint) WHERE "healedAt" IS NULL;
