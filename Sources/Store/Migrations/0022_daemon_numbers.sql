-- Daemons that died are noticed at once, and what they had reserved is taken back.

-- The number with which all leases of the daemon begin. Written once the daemon has held the advisory lock of that number
-- in the session on which it listens; from then on it is dead when no session holds the lock. NULL for daemons that cannot
-- be seen so: older ones, and those behind a pooler that lends sessions for one transaction.
ALTER TABLE daemon_heartbeats ADD COLUMN number integer;
