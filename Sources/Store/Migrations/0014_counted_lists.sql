-- What is asked for again and again is counted as it is written, or found by an index.

-- How many lines of the ledger are about a run: a page of the ledger says how many there are in all, and a long one
-- cannot be counted each time. All lines are these and the top-ups.
ALTER TABLE wallet_holds ADD COLUMN entries bigint NOT NULL DEFAULT 0;
-- Nobody writes a line between the count and the functions that go on counting.
LOCK TABLE wallet_entries IN SHARE ROW EXCLUSIVE MODE;
UPDATE wallet_holds h SET entries = e.entries
FROM (SELECT "runId", count(*) AS entries FROM wallet_entries WHERE "runId" IS NOT NULL GROUP BY 1) e
WHERE e."runId" = h."runId";
CREATE INDEX "wallet_holds_tenantId_index" ON wallet_holds ("tenantId");

CREATE FUNCTION count_hold_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallet_holds SET entries = entries + 1 WHERE "runId" = NEW."runId";
    RETURN NULL;
END
$$;
CREATE TRIGGER wallet_entries_counted AFTER INSERT ON wallet_entries FOR EACH ROW
    WHEN (NEW.kind IN ('hold', 'release')) EXECUTE FUNCTION count_hold_entry();

-- As before, and debits and refunds are counted where the hold is written anyway.
CREATE OR REPLACE FUNCTION bill_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    accepted bigint := (NEW.sent + NEW.delivered + NEW.read) - (OLD.sent + OLD.delivered + OLD.read);
    dropped bigint := (NEW.failed + NEW.cancelled) - (OLD.failed + OLD.cancelled);
    is_over boolean :=
        NEW.status IN ('completed', 'failed', 'cancelled') AND NEW.pending + NEW.queued + NEW.sending <= 0;
    hold wallet_holds%ROWTYPE;
    spent bigint;
    freed bigint := 0;
BEGIN
    SELECT * INTO hold FROM wallet_holds WHERE "runId" = NEW.id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    spent := accepted * hold.price;
    IF spent <> 0 THEN
        INSERT INTO wallet_entries ("tenantId", kind, amount, held, "runId") VALUES (
            hold."tenantId", CASE WHEN spent > 0 THEN 'debit' ELSE 'refund' END, -spent,
            CASE WHEN hold."closedAt" IS NULL THEN -spent ELSE 0 END, NEW.id
        );
    END IF;
    hold.used := hold.used + spent;
    IF hold."closedAt" IS NOT NULL THEN
        freed := -spent;
    ELSE
        -- The standing run of a trigger may go on for years: what it does not need comes back at once.
        IF NEW."isTriggered" THEN
            freed := dropped * hold.price;
        END IF;
        IF is_over THEN
            freed := hold.amount - hold.used;
            hold."closedAt" := now();
        END IF;
        IF freed <> 0 THEN
            INSERT INTO wallet_entries ("tenantId", kind, amount, held, "runId") VALUES (
                hold."tenantId", CASE WHEN freed > 0 THEN 'release' ELSE 'hold' END, 0, -freed, NEW.id
            );
        END IF;
        hold.amount := hold.amount - freed;
    END IF;
    UPDATE wallet_holds SET amount = hold.amount, used = hold.used, "closedAt" = hold."closedAt",
        entries = entries + (spent <> 0)::int
    WHERE "runId" = NEW.id;
    IF freed <> 0 THEN
        UPDATE wallets SET available = available + freed, "updatedAt" = now() WHERE "tenantId" = hold."tenantId";
    END IF;
    RETURN NULL;
END
$$;

-- The few runs that are not over, for metrics. Both columns change rarely, so counters stay cheap to write.
CREATE INDEX "campaign_runs_backlog_index" ON campaign_runs ("tenantId")
    WHERE status IN ('launching', 'running', 'paused') OR unconfirmed > 0;
