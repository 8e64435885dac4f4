-- Which daemons run, what their lanes wait for, and who acted on runs.

-- One row for each daemon, written every few seconds. Only the primary key is indexed, so that updates stay HOT.
CREATE TABLE daemon_heartbeats (
    id uuid PRIMARY KEY,
    version varchar(50) NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    "lastSeen" timestamptz NOT NULL DEFAULT now(),
    -- What keeps its lanes from sending, as only the daemon knows:
    -- [{"sender": "<uuid>", "causes": [{"reason": "no_token", "since": <ms since 1970>, "until": …, "detail": "…"}]}]
    lanes jsonb NOT NULL DEFAULT '[]'
) WITH (fillfactor = 50);

-- Who launched, paused, resumed or cancelled a run, and why.
CREATE TABLE run_actions (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "tenantId" varchar(50) NOT NULL,
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    action varchar(10) NOT NULL,
    who varchar(300) NOT NULL,
    reason text,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX "run_actions_runId_index" ON run_actions ("runId", id);
