/// What goes wrong, and how often; the same value at start, in code, and as JSON at run time.
///
/// Shares go from 0 (never) to 1 (always). Each request of a recipient rolls anew, so a retry can succeed.
///
/// ```json
/// { "errors": [ { "share": 0.3, "code": 130429 } ], "lostAnswers": { "share": 0.01, "mode": "close" } }
/// ```
public struct SimulatorFaults: Codable, Hashable, Sendable {
    /// Errors in the shape of the real service; the first that strikes counts.
    public var errors: [ErrorFault] = []
    /// Answers with an HTML page, as from a proxy in front of the service.
    public var serverErrors = ServerErrorFault()
    /// How long an answer takes.
    public var latency = LatencyFault()
    /// Messages that are accepted although the caller never learns it.
    public var lostAnswers = LostAnswerFault()
    /// Rejects all requests for a time that begins when the faults are set; `nil` rejects none.
    public var rejectEverything: RejectEverythingFault?
    /// What happens to statuses on their way.
    public var webhooks = WebhookFault()
    /// The error code that each request to a recipient gets, by number with `+`.
    public var recipientErrors: [String: Int] = [:]
    /// The code of the `failed` status that an accepted message to a recipient gets, by number with `+`.
    public var recipientFailures: [String: Int] = [:]

    /// Makes faults of which none ever strikes.
    public init() {}
}

extension SimulatorFaults {
    /// A share of requests that gets one error.
    public struct ErrorFault: Codable, Hashable, Sendable {
        /// The share of requests, 0 to 1.
        public var share: Double
        /// The error code, for example 130429.
        public var code: Int
        /// The HTTP status, 400 to 599; `nil` takes the usual one of the code.
        public var status: Int?
        /// The only phone number it strikes; `nil` strikes all.
        public var phoneNumberId: String?
        /// The value of the `Retry-After` header; `nil` sends none.
        public var retryAfterSeconds: Int?

        /// Makes a fault that gives `code` to `share` of the requests.
        public init(
            share: Double,
            code: Int,
            status: Int? = nil,
            phoneNumberId: String? = nil,
            retryAfterSeconds: Int? = nil
        ) {
            self.share = share
            self.code = code
            self.status = status
            self.phoneNumberId = phoneNumberId
            self.retryAfterSeconds = retryAfterSeconds
        }
    }

    /// A share of requests that gets a page without a code.
    public struct ServerErrorFault: Codable, Hashable, Sendable {
        /// The share of requests, 0 to 1.
        public var share = 0.0
        /// The HTTP status, 500 to 599.
        public var status = 503

        /// Makes a fault that strikes `share` of the requests.
        public init(share: Double = 0, status: Int = 503) {
            self.share = share
            self.status = status
        }
    }

    /// The time between decision and answer, even over the range; the same ends make it fixed.
    public struct LatencyFault: Codable, Hashable, Sendable {
        /// The shortest time, in milliseconds.
        public var minimumMilliseconds = 0
        /// The longest time, in milliseconds, at most an hour.
        public var maximumMilliseconds = 0

        /// Makes a latency evenly spread from `minimumMilliseconds` to `maximumMilliseconds`.
        public init(minimumMilliseconds: Int = 0, maximumMilliseconds: Int = 0) {
            self.minimumMilliseconds = minimumMilliseconds
            self.maximumMilliseconds = maximumMilliseconds
        }
    }

    /// A share of accepted messages whose answer does not arrive.
    public struct LostAnswerFault: Codable, Hashable, Sendable {
        /// How the answer is lost.
        public enum Mode: String, Codable, Sendable {
            /// The connection closes without an answer.
            case close
            /// The connection stays open without an answer, then closes.
            case silent
            /// The answer is 200 with half a JSON document.
            case garbled
        }

        /// The share of accepted messages, 0 to 1.
        public var share = 0.0
        /// How the answer is lost.
        public var mode = Mode.close
        /// How long a silent connection stays open.
        public var silentSeconds = 60.0

        /// Makes a fault that loses `share` of the answers.
        public init(share: Double = 0, mode: Mode = .close, silentSeconds: Double = 60) {
            self.share = share
            self.mode = mode
            self.silentSeconds = silentSeconds
        }
    }

    /// One error for every request, for a time.
    public struct RejectEverythingFault: Codable, Hashable, Sendable {
        /// How long, from the moment the faults are set.
        public var seconds: Double
        /// The error code.
        public var code = 131_016
        /// The HTTP status, 400 to 599; `nil` takes the usual one of the code.
        public var status: Int?
        /// The only phone number it strikes; `nil` strikes all.
        public var phoneNumberId: String?

        /// Makes a fault that rejects all for `seconds` with `code`.
        public init(seconds: Double, code: Int = 131_016, status: Int? = nil, phoneNumberId: String? = nil) {
            self.seconds = seconds
            self.code = code
            self.status = status
            self.phoneNumberId = phoneNumberId
        }
    }

    /// What happens to statuses of messages accepted while it is set.
    public struct WebhookFault: Codable, Hashable, Sendable {
        /// The share of statuses that are never sent.
        public var droppedShare = 0.0
        /// The share of statuses that are sent a second time.
        public var duplicatedShare = 0.0
        /// The share of messages whose statuses come in reverse order.
        public var reorderedShare = 0.0
        /// The share of statuses that come late, and those after them too.
        public var delayedShare = 0.0
        /// How late they come.
        public var delaySeconds = 5.0

        /// Makes a fault that strikes no status.
        public init() {}
    }
}
