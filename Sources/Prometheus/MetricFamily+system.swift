extension MetricFamily {
    // What the daemon leans on.
    package static let redisUp = MetricFamily("campaigns_redis_up", .gauge, "Whether Redis answered in time: 1, or 0.")
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
        "The most connections that the pool may hold."
    )
    package static let connectionWaiters = MetricFamily(
        "campaigns_postgres_waiting",
        .gauge,
        "Callers in line for a connection."
    )

    // The process, by the names that every exporter uses.
    static let cpu = MetricFamily("process_cpu_seconds_total", .counter, "CPU time of user and system.")
    static let memory = MetricFamily("process_resident_memory_bytes", .gauge, "Memory that is really in use.")
    static let virtualMemory = MetricFamily("process_virtual_memory_bytes", .gauge, "Address space.")
    static let files = MetricFamily("process_open_fds", .gauge, "Open files and sockets.")
    static let startTime = MetricFamily("process_start_time_seconds", .gauge, "When the process began, in Unix time.")

    // The loop that applies specs, when there is one.
    package static let specsApplied = MetricFamily(
        "campaigns_specs_last_applied_timestamp_seconds",
        .gauge,
        "When the specs were last found or made as in the database; 0 for never."
    )
    package static let specsAttempted = MetricFamily(
        "campaigns_specs_last_attempted_timestamp_seconds",
        .gauge,
        "When applying the specs was last tried; 0 for never."
    )
    package static let specsSucceeded = MetricFamily(
        "campaigns_specs_last_attempt_succeeded",
        .gauge,
        "Whether the last attempt left nothing to do: 1, or 0."
    )
    package static let specsCommits = MetricFamily(
        "campaigns_specs_commit_info",
        .gauge,
        "The commits that were last applied and attempted.",
        labels: ["applied", "attempted"]
    )

    /// All of them, in the order in which they are shown.
    static let all: [MetricFamily] = [
        messages, requests, requestDuration, rateLimits, requestsInFlight, breakerOpen,
        laneMessages, laneOldestReady,
        openRuns, openMessages, unconfirmed,
        scheduleLag, firings, events, refusals,
        webhookDuration, webhookLag, webhookBatch, reports,
        httpRequests, httpDuration,
        redisUp, postgresUp, connections, connectionLimit, connectionWaiters,
        cpu, memory, virtualMemory, files, startTime,
        specsApplied, specsAttempted, specsSucceeded, specsCommits,
    ]
}
