/// What became of the statuses so far.
public struct WebhookSummary: Codable, Hashable, Sendable {
    /// Statuses that the receiver answered with 200; duplicates count each time.
    public var statusesSent = 0
    /// Requests made, also those that failed.
    public var requests = 0
    /// Requests that were not answered with 200 in time.
    public var failedRequests = 0
    /// Statuses that will never be sent: by fault, for too many failures, or because a shutdown took too long.
    public var dropped = 0
    /// Messages that wait for their next status, and statuses that wait to be tried again.
    public var pending = 0

    /// Makes the summary of no statuses.
    public init() {}
}
