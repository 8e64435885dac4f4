-- What is wrong with the wallets, in one snapshot: the ledger, the holds and the messages must say the same.
SELECT format(
    '%s: available %s, held %s, used %s; the entries add up to %s, held %s; %s messages were accepted, %s runs are open',
    w."tenantId", w.available, h.held, h.used, e.balance, e.held, m.accepted, h.open
)
FROM wallets w
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS balance, coalesce(sum(held), 0) AS held,
        coalesce(sum(amount) FILTER (WHERE kind = 'topUp'), 0) AS paid
    FROM wallet_entries WHERE "tenantId" = w."tenantId"
) e
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount - used) FILTER (WHERE "closedAt" IS NULL), 0) AS held, coalesce(sum(used), 0) AS used,
        count(*) FILTER (WHERE "closedAt" IS NULL) AS open
    FROM wallet_holds WHERE "tenantId" = w."tenantId"
) h
CROSS JOIN LATERAL (
    SELECT count(*) AS accepted, coalesce(sum(o.price), 0) AS cost
    FROM campaign_messages m JOIN wallet_holds o ON o."runId" = m."runId"
    WHERE o."tenantId" = w."tenantId" AND m.status IN ('sent', 'delivered', 'read')
) m
WHERE w.available + h.held <> e.balance OR h.held <> e.held OR h.used <> m.cost OR e.paid - m.cost <> e.balance
    OR h.open > (
        SELECT count(*) FROM campaign_runs r WHERE r."tenantId" = w."tenantId"
            AND (r.status IN ('launching', 'running', 'paused') OR r.pending + r.queued + r.sending > 0)
    )
