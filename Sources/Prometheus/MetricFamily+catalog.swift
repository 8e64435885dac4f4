/// Every metric of a daemon; `docs/metrics.md` describes how to use them.
extension MetricFamily {
    // Sending.
    package static let messages = MetricFamily(
        "campaigns_messages_total",
        .counter,
        "Messages whose outcome was written to Postgres.",
        labels: ["outcome"]
    )
    package static let requests = MetricFamily(
        "campaigns_requests_total",
        .counter,
        "Requests to WhatsApp by answer.",
        labels: ["answer"]
    )
    package static let requestDuration = MetricFamily(
        "campaigns_request_duration_seconds",
        .histogram,
        "Time from a request to WhatsApp to its answer.",
        buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    )
    package static let rateLimits = MetricFamily(
        "campaigns_rate_limits_total",
        .counter,
        "Rate limits by WhatsApp; each pauses a lane.",
        labels: ["tenant", "sender"]
    )
    package static let sendErrors = MetricFamily(
        "campaigns_send_errors_total",
        .counter,
        "Errors of WhatsApp by code, and by what they concern.",
        labels: ["scope", "source", "code"]
    )
    package static let heldMessages = MetricFamily(
        "campaigns_held_messages_total",
        .counter,
        "Messages that WhatsApp accepted and holds back.",
        labels: ["status"]
    )
    package static let guardPauses = MetricFamily(
        "campaigns_guard_pauses_total",
        .counter,
        "Runs paused because their messages fail.",
        labels: ["guard"]
    )
    package static let requestsInFlight = MetricFamily(
        "campaigns_requests_in_flight",
        .gauge,
        "Requests to WhatsApp without an answer yet."
    )
    package static let breakerOpen = MetricFamily(
        "campaigns_breaker_open",
        .gauge,
        "Whether the circuit breaker is open, because WhatsApp is down: 1, or 0."
    )

    // Lanes.
    package static let laneAttempts = MetricFamily(
        "campaigns_lane_attempts_total",
        .counter,
        "Attempts to send from the number of a sender.",
        labels: ["tenant", "sender"]
    )
    package static let lanePace = MetricFamily(
        "campaigns_lane_pace_per_second",
        .gauge,
        "Attempts per second that a sender allows.",
        labels: ["tenant", "sender"]
    )
    package static let laneQuotaUsed = MetricFamily(
        "campaigns_lane_quota_used",
        .gauge,
        "Business-initiated messages of 24 hours in the quota group of a sender.",
        labels: ["tenant", "sender"]
    )
    package static let laneQuotaLimit = MetricFamily(
        "campaigns_lane_quota_limit",
        .gauge,
        "Business-initiated messages that a sender allows in 24 hours.",
        labels: ["tenant", "sender"]
    )
    package static let laneMessages = MetricFamily(
        "campaigns_lane_messages",
        .gauge,
        "Messages in the queue of a sender.",
        labels: ["tenant", "sender", "state"]
    )
    package static let laneOldestReady = MetricFamily(
        "campaigns_lane_oldest_ready_seconds",
        .gauge,
        "Age of the oldest ready message in the queue of a sender, since it was due.",
        labels: ["tenant", "sender"]
    )
    package static let laneWaiting = MetricFamily(
        "campaigns_lane_waiting",
        .gauge,
        "Why the lane of a sender does not send, as this daemon sees it: 1 for its reason.",
        labels: ["tenant", "sender", "reason"]
    )

    // Runs.
    package static let openRuns = MetricFamily(
        "campaigns_open_runs",
        .gauge,
        "Runs that have not ended.",
        labels: ["tenant"]
    )
    package static let openMessages = MetricFamily(
        "campaigns_open_messages",
        .gauge,
        "Messages that wait to be sent, or for the outcome of an attempt.",
        labels: ["tenant"]
    )
    package static let unconfirmed = MetricFamily(
        "campaigns_unconfirmed_messages",
        .gauge,
        "Messages whose answer was lost and that no status has settled.",
        labels: ["tenant"]
    )

    // Schedules and events.
    package static let scheduleLag = MetricFamily(
        "campaigns_schedule_lag_seconds",
        .histogram,
        "Delay from the time an occurrence was due until it was fired.",
        buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600]
    )
    package static let firings = MetricFamily(
        "campaigns_schedule_firings_total",
        .counter,
        "Occurrences of schedules by outcome.",
        labels: ["outcome"]
    )
    package static let events = MetricFamily(
        "campaigns_trigger_events_total",
        .counter,
        "Trigger events by result.",
        labels: ["outcome"]
    )
    package static let refusals = MetricFamily(
        "campaigns_trigger_refusals_total",
        .counter,
        "Messages that events did not lead to, by reason.",
        labels: ["reason"]
    )

    // Webhooks.
    package static let statuses = MetricFamily(
        "campaigns_statuses_total",
        .counter,
        "Statuses of messages that WhatsApp reported.",
        labels: ["status"]
    )
    package static let webhookDuration = MetricFamily(
        "campaigns_webhook_duration_seconds",
        .histogram,
        "Time from parsing a webhook until it is committed.",
        buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    )
    package static let webhookLag = MetricFamily(
        "campaigns_webhook_lag_seconds",
        .histogram,
        "Age of the oldest status of a transaction at its commit, by WhatsApp's clock.",
        buckets: [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400]
    )
    package static let webhookBatch = MetricFamily(
        "campaigns_webhook_batch_reports",
        .histogram,
        "Statuses and inbound messages in one transaction.",
        buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500]
    )
    package static let reports = MetricFamily(
        "campaigns_webhook_reports_total",
        .counter,
        "Statuses and inbound messages from WhatsApp, committed or failed.",
        labels: ["outcome"]
    )
    package static let webhookEvents = MetricFamily(
        "campaigns_webhook_events_total",
        .counter,
        "Events of templates, numbers and accounts from WhatsApp, by type.",
        labels: ["type", "known"]
    )

    // Notifications.
    package static let notifications = MetricFamily(
        "campaigns_notifications_total",
        .counter,
        "Attempts to post a notification to a tenant, by outcome.",
        labels: ["outcome"]
    )

    package static let forwards = MetricFamily(
        "campaigns_forwarded_webhooks_total",
        .counter,
        "Webhooks for other systems of the tenants, by outcome.",
        labels: ["outcome"]
    )

    // HTTP.
    package static let httpRequests = MetricFamily(
        "campaigns_http_requests_total",
        .counter,
        "Requests to this daemon by route template.",
        labels: ["method", "route", "status"]
    )
    package static let httpDuration = MetricFamily(
        "campaigns_http_request_duration_seconds",
        .histogram,
        "Time from a request to this daemon to the head of its answer.",
        labels: ["method", "route"],
        buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    )
}

extension MetricFamily {
    // Postgres and Redis.
    package static let redisUp = MetricFamily("campaigns_redis_up", .gauge, "Whether Redis answered in time: 1, or 0.")
    package static let redisEvicts = MetricFamily(
        "campaigns_redis_evicts",
        .gauge,
        "Servers of Redis whose maxmemory-policy is not noeviction."
    )
    package static let postgresUp = MetricFamily(
        "campaigns_postgres_up",
        .gauge,
        "Whether Postgres answered in time: 1, or 0."
    )
    package static let connections = MetricFamily(
        "campaigns_postgres_connections",
        .gauge,
        "Connections of the pool; those being opened count as busy.",
        labels: ["state"]
    )
    package static let connectionLimit = MetricFamily(
        "campaigns_postgres_connections_max",
        .gauge,
        "Limit of connections in the pool."
    )
    package static let connectionWaiters = MetricFamily(
        "campaigns_postgres_waiting",
        .gauge,
        "Callers that wait for a connection."
    )

    // The process, by the usual names of exporters.
    package static let build = MetricFamily(
        "campaigns_build_info",
        .gauge,
        "The version that runs, and the commit that it was built from; always 1.",
        labels: ["version", "commit"]
    )
    static let cpu = MetricFamily("process_cpu_seconds_total", .counter, "CPU time of user and system.")
    package static let memory = MetricFamily("process_resident_memory_bytes", .gauge, "Resident memory.")
    static let virtualMemory = MetricFamily("process_virtual_memory_bytes", .gauge, "Address space.")
    static let files = MetricFamily("process_open_fds", .gauge, "Open files and sockets.")
    static let startTime = MetricFamily("process_start_time_seconds", .gauge, "Start of the process, in Unix time.")

    // The loop that applies specs, with `--specs`.
    package static let specsApplied = MetricFamily(
        "campaigns_specs_last_applied_timestamp_seconds",
        .gauge,
        "Time at which the database last equalled the specs; 0 for never."
    )
    package static let specsAttempted = MetricFamily(
        "campaigns_specs_last_attempted_timestamp_seconds",
        .gauge,
        "Time of the last attempt to apply the specs; 0 for never."
    )
    package static let specsSucceeded = MetricFamily(
        "campaigns_specs_last_attempt_succeeded",
        .gauge,
        "Whether the last attempt left nothing to do: 1, or 0."
    )
    package static let specsCommits = MetricFamily(
        "campaigns_specs_commit_info",
        .gauge,
        "Commits that were last applied and attempted.",
        labels: ["applied", "attempted"]
    )

    /// All metrics, in the order of the exposition.
    static let all: [MetricFamily] = [
        messages, requests, requestDuration, rateLimits, sendErrors, heldMessages, guardPauses,
        requestsInFlight, breakerOpen,
        laneAttempts, lanePace, laneQuotaUsed, laneQuotaLimit, laneMessages, laneOldestReady, laneWaiting,
        openRuns, openMessages, unconfirmed,
        scheduleLag, firings, events, refusals,
        statuses, webhookDuration, webhookLag, webhookBatch, reports, webhookEvents,
        notifications, forwards,
        httpRequests, httpDuration,
        redisUp, redisEvicts, postgresUp, connections, connectionLimit, connectionWaiters,
        build, cpu, memory, virtualMemory, files, startTime,
        specsApplied, specsAttempted, specsSucceeded, specsCommits,
    ]
}
