-- What could not be applied, and why. One row for each state of the specs and reason, however often and by however many
-- daemons it was tried.

CREATE TABLE reconcile_attempts (
    -- Names the state of the specs and the reason.
    fingerprint text PRIMARY KEY,
    "gitCommit" text,
    actor text NOT NULL,
    outcome varchar(20) NOT NULL CHECK (outcome IN ('invalid', 'refused', 'failed')),
    reason text NOT NULL,
    count integer NOT NULL DEFAULT 1,
    "firstAt" timestamptz NOT NULL DEFAULT now(),
    "lastAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "reconcile_attempts_lastAt_index" ON reconcile_attempts ("lastAt");
