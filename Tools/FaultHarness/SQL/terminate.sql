-- Ends every connection of the daemons.
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name = 'campaignd'
