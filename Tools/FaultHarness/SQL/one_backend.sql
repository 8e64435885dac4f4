-- A process that serves a daemon.
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name = 'campaignd' LIMIT 1
