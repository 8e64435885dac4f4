-- What is left to do: messages on their way, messages in doubt, runs that are not over.
SELECT
    count(*) FILTER (WHERE status IN ('pending', 'queued', 'sending'))::int,
    count(*) FILTER (WHERE status = 'unconfirmed')::int,
    (SELECT count(*) FROM campaign_runs WHERE status IN ('launching', 'running', 'paused'))::int
FROM campaign_messages
