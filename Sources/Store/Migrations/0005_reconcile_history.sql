-- What was applied, when, by whom and from which commit. A digest is applied at most once.

CREATE TABLE reconcile_history (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    digest text NOT NULL UNIQUE,
    actor text NOT NULL,
    "gitCommit" text,
    creates integer NOT NULL,
    updates integer NOT NULL,
    deletes integer NOT NULL,
    plan jsonb NOT NULL,
    "toolVersion" text NOT NULL,
    "appliedAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "reconcile_history_appliedAt_index" ON reconcile_history ("appliedAt");
