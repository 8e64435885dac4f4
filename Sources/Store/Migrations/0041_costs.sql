-- What campaigns cost: the prices that launches count with, the estimate of each run, and what WhatsApp charged.

-- The prices beside the specs of a tenant, as the last reconcile read them.
CREATE TABLE tenant_rates (
    "tenantId" varchar(50) PRIMARY KEY,
    -- Cards of prices with their dates, and maps from calling codes to markets.
    rates jsonb NOT NULL,
    "updatedAt" timestamptz NOT NULL DEFAULT now()
);

-- The estimate at the launch; NULL without prices.
ALTER TABLE campaign_runs ADD COLUMN "estimatedCost" jsonb;

-- What WhatsApp reported of the price of the message: `regular/marketing`, the type and the category; NULL until it is known.
ALTER TABLE campaign_messages ADD COLUMN pricing text;
ALTER TABLE webhook_inbox ADD COLUMN pricing text;

-- The first digits of the number of a person who was erased, so that a report that comes later is charged in their market.
ALTER TABLE campaign_messages ADD COLUMN "numberStart" text;

-- The messages of a run that arrived and whose price is known, each once. They are written in the statement that reports the
-- message, after the run, in the order of the key.
CREATE TABLE run_charges (
    "runId" uuid NOT NULL REFERENCES campaign_runs (id) ON DELETE CASCADE,
    -- A time within the period of equal prices: a quarter of an hour near the first day of a month, else the middle of the
    -- month.
    "chargedAt" timestamptz NOT NULL,
    -- `regular` is paid; `free_customer_service`, `free_entry_point` and others that begin with `free` are not.
    type text NOT NULL,
    category text NOT NULL,
    -- The first digits of the number, which tell its market: three, or four after a 1; `KE.` of a user id; empty if the
    -- person was erased before they were kept.
    beginning text NOT NULL,
    count integer NOT NULL,
    PRIMARY KEY ("runId", "chargedAt", type, category, beginning)
) WITH (fillfactor = 50);
