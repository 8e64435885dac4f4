-- Prepaid sending. A tenant without a wallet is not billed; nothing below does anything for it.
--
-- A token is in one of three places: available (wallets.available), held by a run (wallet_holds: amount - used), or
-- spent. The balance is what is available or held. Sending moves tokens from held to spent and touches only the hold of
-- its run, whose row is locked for its counters anyway: the row of the wallet changes when a run begins, ends, or gets
-- more messages, and when tokens come in, and is nobody's bottleneck in between.

CREATE TABLE wallets (
    "tenantId" varchar(50) PRIMARY KEY,
    -- Whole tokens that no run holds. Negative only when a message was settled after its run had given its tokens back.
    available bigint NOT NULL DEFAULT 0,
    -- Tokens for one successful send; a run keeps the price that it began with.
    "pricePerMessage" bigint NOT NULL DEFAULT 1 CHECK ("pricePerMessage" BETWEEN 1 AND 1000000),
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What a run has set aside. While it is open, used = price * (sent + delivered + read) of its run, and the rest is held.
CREATE TABLE wallet_holds (
    "runId" uuid PRIMARY KEY REFERENCES campaign_runs (id),
    "tenantId" varchar(50) NOT NULL REFERENCES wallets ("tenantId"),
    price bigint NOT NULL CHECK (price > 0),
    amount bigint NOT NULL,
    used bigint NOT NULL DEFAULT 0,
    -- When the rest went back; from then on, what is settled late is paid from the wallet itself.
    "closedAt" timestamptz,
    "createdAt" timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX "wallet_holds_open_index" ON wallet_holds ("tenantId") WHERE "closedAt" IS NULL;

-- The ledger. The sum of `amount` is the balance, and the sum of `held` what is held, exactly and at any time.
CREATE TABLE wallet_entries (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    -- No foreign key: its check would lock the row of the wallet for every batch of sends.
    "tenantId" varchar(50) NOT NULL,
    kind varchar(10) NOT NULL,
    -- How the balance changed.
    amount bigint NOT NULL,
    -- How much more is held, or less.
    held bigint NOT NULL,
    "runId" uuid,
    -- The payer's own name for a top-up: one name counts once.
    reference varchar(255),
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT wallet_entries_kind_check CHECK (CASE kind
        WHEN 'topUp' THEN amount > 0 AND held = 0 AND "runId" IS NULL AND reference IS NOT NULL
        WHEN 'hold' THEN amount = 0 AND held > 0 AND "runId" IS NOT NULL
        WHEN 'release' THEN amount = 0 AND held < 0 AND "runId" IS NOT NULL
        WHEN 'debit' THEN amount < 0 AND held IN (amount, 0) AND "runId" IS NOT NULL
        -- WhatsApp took a message, and later said that it failed after all.
        WHEN 'refund' THEN amount > 0 AND held IN (amount, 0) AND "runId" IS NOT NULL
        ELSE false
    END)
);
CREATE INDEX "wallet_entries_tenantId_index" ON wallet_entries ("tenantId", id);
CREATE INDEX "wallet_entries_runId_index" ON wallet_entries ("runId") WHERE "runId" IS NOT NULL;
CREATE UNIQUE INDEX "wallet_entries_reference_key" ON wallet_entries ("tenantId", reference) WHERE reference IS NOT NULL;

CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger only grows: % on wallet_entries is refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'wallet_entries_append_only', TABLE = 'wallet_entries';
END
$$;
CREATE TRIGGER wallet_entries_append_only BEFORE UPDATE OR DELETE ON wallet_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER wallet_entries_not_truncated BEFORE TRUNCATE ON wallet_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Bills a run for how its counters have moved, in the very statement that moved them, and gives back what is left when
-- it has ended. The row of the run is locked, so nobody else bills it; one entry stands for all messages of the statement.
CREATE FUNCTION bill_run() RETURNS trigger LANGUAGE plpgsql AS $$
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
    UPDATE wallet_holds SET amount = hold.amount, used = hold.used, "closedAt" = hold."closedAt" WHERE "runId" = NEW.id;
    IF freed <> 0 THEN
        UPDATE wallets SET available = available + freed, "updatedAt" = now() WHERE "tenantId" = hold."tenantId";
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER campaign_run_billed AFTER UPDATE ON campaign_runs FOR EACH ROW
    WHEN (
        NEW.sent + NEW.delivered + NEW.read <> OLD.sent + OLD.delivered + OLD.read
        OR (NEW."isTriggered" AND NEW.failed + NEW.cancelled <> OLD.failed + OLD.cancelled)
        OR (
            NEW.status IN ('completed', 'failed', 'cancelled') AND NEW.pending + NEW.queued + NEW.sending <= 0
            AND (OLD.status NOT IN ('completed', 'failed', 'cancelled') OR OLD.pending + OLD.queued + OLD.sending > 0)
        )
    )
    EXECUTE FUNCTION bill_run();
