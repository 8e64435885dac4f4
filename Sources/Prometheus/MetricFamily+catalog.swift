/// Every metric of a daemon; `docs/metrics.md` says what to do with them.
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
        "Requests to WhatsApp by what came back.",
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
        "Answers of WhatsApp that ask for silence.",
        labels: ["tenant", "sender"]
    )
    package static let requestsInFlight = MetricFamily(
        "campaigns_requests_in_flight",
        .gauge,
        "Requests to WhatsApp without an answer yet."
    )
    package static let breakerOpen = MetricFamily(
        "campaigns_breaker_open",
        .gauge,
        "Whether WhatsApp is believed to be down: 1, or 0."
    )

    // Queue.
    package static let laneMessages = MetricFamily(
        "campaigns_lane_messages",
        .gauge,
        "Messages in the queue of a sender.",
        labels: ["tenant", "sender", "state"]
    )
    package static let laneOldestReady = MetricFamily(
        "campaigns_lane_oldest_ready_seconds",
        .gauge,
        "Time for which the messages at the front of a sender's queue have been due.",
        labels: ["tenant", "sender"]
    )

    // Runs.
    package static let openRuns = MetricFamily(
        "campaigns_open_runs",
        .gauge,
        "Runs that are not over.",
        labels: ["tenant"]
    )
    package static let openMessages = MetricFamily(
        "campaigns_open_messages",
        .gauge,
        "Messages that wait for an attempt or its outcome.",
        labels: ["tenant"]
    )
    package static let unconfirmed = MetricFamily(
        "campaigns_unconfirmed_messages",
        .gauge,
        "Messages whose answer was lost and that no report has settled.",
        labels: ["tenant"]
    )

    // Schedules and events.
    package static let scheduleLag = MetricFamily(
        "campaigns_schedule_lag_seconds",
        .histogram,
        "Time from when a schedule was due to when it was looked at.",
        buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600]
    )
    package static let firings = MetricFamily(
        "campaigns_schedule_firings_total",
        .counter,
        "Times of schedules by what became of them.",
        labels: ["outcome"]
    )
    package static let events = MetricFamily(
        "campaigns_trigger_events_total",
        .counter,
        "Events by what they led to.",
        labels: ["outcome"]
    )
    package static let refusals = MetricFamily(
        "campaigns_trigger_refusals_total",
        .counter,
        "Reasons for which events led to no message of a campaign.",
        labels: ["reason"]
    )

    // Webhooks.
    package static let webhookDuration = MetricFamily(
        "campaigns_webhook_duration_seconds",
        .histogram,
        "Time from when a webhook was understood to when it was committed.",
        buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    )
    package static let webhookLag = MetricFamily(
        "campaigns_webhook_lag_seconds",
        .histogram,
        "Age of the oldest status of a transaction, by WhatsApp's clock, when it was committed.",
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
        "Statuses and inbound messages from WhatsApp by whether they were committed.",
        labels: ["outcome"]
    )

    // HTTP.
    package static let httpRequests = MetricFamily(
        "campaigns_http_requests_total",
        .counter,
        "Requests to this daemon by route, never by path.",
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
