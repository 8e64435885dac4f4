-- What a reconcile wishes to be changed at WhatsApp, and what became of it.

CREATE TABLE template_submissions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "tenantId" varchar(50) NOT NULL,
    "accountId" uuid NOT NULL REFERENCES accounts (id),
    -- The template of ours; NULL for a deletion of one that has no file.
    "templateId" uuid REFERENCES templates (id) ON DELETE SET NULL,
    name varchar(512) NOT NULL,
    -- With an underscore; NULL for the deletion of all languages.
    language varchar(20),
    action varchar(10) NOT NULL CHECK (action IN ('create', 'edit', 'delete')),
    -- The body of the request, and under "samples" the files whose handles it lacks; NULL for a deletion.
    request jsonb,
    -- The digest of the reviewed plan that has it.
    digest text NOT NULL,
    -- wanted: to be sent. sending: a request may be on its way. unsettled: the answer was lost, and reading settles it.
    -- done, failed, and superseded by a later wish: nothing more happens.
    status varchar(12) NOT NULL DEFAULT 'wanted'
        CHECK (status IN ('wanted', 'sending', 'unsettled', 'done', 'failed', 'superseded')),
    -- Requests that may have arrived.
    attempts integer NOT NULL DEFAULT 0,
    "dueAt" timestamptz NOT NULL DEFAULT now(),
    "leasedUntil" timestamptz,
    lease uuid,
    -- When the last request was sent: an edit counts from then, against 1 in 24 hours and 10 in 30 days.
    "sentAt" timestamptz,
    -- True if the template was approved when it was edited; only such edits are limited.
    "countsAsEdit" boolean NOT NULL DEFAULT false,
    "settledAt" timestamptz,
    "whatsappId" varchar(32),
    -- The category in the answer; it can differ from the one that was asked for.
    category varchar(30),
    "errorCode" integer,
    "errorSubcode" integer,
    error text,
    "createdAt" timestamptz NOT NULL DEFAULT now()
);
-- A template has one wish at a time, and one that is on its way: the next one waits until it is settled.
CREATE UNIQUE INDEX "template_submissions_wanted_key" ON template_submissions ("accountId", name, coalesce(language, ''))
    WHERE status = 'wanted';
CREATE UNIQUE INDEX "template_submissions_open_key" ON template_submissions ("accountId", name, coalesce(language, ''))
    WHERE status IN ('sending', 'unsettled');
CREATE INDEX "template_submissions_dueAt_index" ON template_submissions ("dueAt")
    WHERE status IN ('wanted', 'sending', 'unsettled');
CREATE INDEX "template_submissions_name_index" ON template_submissions ("accountId", name, "createdAt");
CREATE INDEX "template_submissions_tenantId_index" ON template_submissions ("tenantId");

-- What happens to a launch whose template WhatsApp would refuse: strict, warn or off; NULL is strict for senders with an account.
ALTER TABLE tenants ADD COLUMN templates varchar(10);
-- True if a launch waits for the approval of its template as a paused run, instead of being refused.
ALTER TABLE campaigns ADD COLUMN "startWhenApproved" boolean;
