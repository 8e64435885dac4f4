-- What keeps one bad message from stopping all others.

ALTER TABLE campaign_messages
    -- How many daemons died while they prepared it, with no request written; see the code `poison`. No index has it.
    ADD COLUMN crashes smallint NOT NULL DEFAULT 0;
