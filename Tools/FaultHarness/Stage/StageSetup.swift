/// What a cell begins with, and what is allowed in its end.
struct StageSetup: Sendable {
    /// Recipients of each of the two campaigns.
    var recipients = (first: 1_000, second: 1_000)
    /// Messages per second of each of the two senders.
    var ratePerSecond = 80
    /// Whether both campaigns go through one sender.
    var sharesSender = false
    /// Business-initiated messages of each sender in 24 hours, and all are such; `nil` for no limit that matters.
    var quota: Int?
    /// More lines of each sender's spec.
    var senderLines = ""
    var persistence = RedisServer.Persistence.everySecond
    /// Faults of the receiver from the start, as JSON.
    var faults = "{}"
    /// More of the first daemon's environment.
    var environment: [String: String] = [:]
    /// The first so many recipients have no name, and the second campaign cannot do without one.
    var nameless = 0
    /// How much later one request may arrive than another, in seconds: a rate is measured at the receiver.
    var jitter = 0.0
    /// How many messages may end as failed; `nil` for any number.
    var failures: Int? = 0
    /// How many messages may stay in doubt; `nil` for any number.
    var doubts: Int?
    /// Whether reports get lost, so that doubts may stay.
    var losesReports = false
    /// From healing to the end of all runs.
    var drain = Duration.seconds(150)
    /// From healing to the next accepted message.
    var recovery = Duration.seconds(40)
}
