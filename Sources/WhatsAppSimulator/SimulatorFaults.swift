public import Foundation

/// The faults to inject and their shares; the same value at start, in code, and as JSON at run time.
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
    /// Answers of something other than WhatsApp; the first that strikes counts, before all errors.
    public var pages: [PageFault] = []
    /// Templates that are accepted and held back; the first that strikes counts.
    public var messageStatuses: [MessageStatusFault] = []
    /// Accepted messages that fail later; the first that strikes counts.
    public var failures: [FailureFault] = []
    /// The latency of answers.
    public var latency = LatencyFault()
    /// Messages that are accepted, but get no complete answer.
    public var lostAnswers = LostAnswerFault()
    /// Rejects all requests for a time that begins when the faults are set; `nil` rejects none.
    public var rejectEverything: RejectEverythingFault?
    /// Faults of statuses.
    public var webhooks = WebhookFault()
    /// The error code that each request to a recipient gets, by number with `+`.
    public var recipientErrors: [String: Int] = [:]
    /// The code of the `failed` status that an accepted message to a recipient gets, by number with `+`.
    public var recipientFailures: [String: Int] = [:]

    /// Makes a value without faults.
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
        /// The `error_subcode`; `nil` sends none.
        public var subcode: Int?
        /// The text of `error_data.details`; `nil` for the simulator's own.
        public var details: String?
        /// The only recipient it strikes, with `+`; `nil` strikes all.
        public var recipient: String?
        /// Strikes only each n-th request, counted over all; `nil` strikes any.
        public var every: Int?

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

    /// A share of accepted messages that get no complete answer.
    public struct LostAnswerFault: Codable, Hashable, Sendable {
        /// The way in which the answer is lost.
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
        /// The way in which the answer is lost.
        public var mode = Mode.close
        /// Time that a silent connection stays open.
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
        /// The duration, from the moment the faults are set.
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

    /// Faults of statuses of messages that are accepted while they are set.
    public struct WebhookFault: Codable, Hashable, Sendable {
        /// The share of statuses that are never sent.
        public var droppedShare = 0.0
        /// The share of statuses that are sent a second time.
        public var duplicatedShare = 0.0
        /// The share of messages with statuses in reverse order.
        public var reorderedShare = 0.0
        /// The share of statuses that come late, and those after them too.
        public var delayedShare = 0.0
        /// The delay.
        public var delaySeconds = 5.0

        /// Makes a fault that strikes no status.
        public init() {}
    }
}

extension SimulatorFaults {
    /// Checks every share, status and time.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for the first field outside its range.
    public func validate() throws(SimulatorError) {
        for (index, error) in errors.enumerated() {
            try Check.share(error.share, "faults.errors[\(index)].share")
            try Check.status(error.status, "faults.errors[\(index)].status")
            try Self.code(error.code, "faults.errors[\(index)].code")
            try Self.recipient(error.recipient, "faults.errors[\(index)].recipient")
            try Check.every(error.every, "faults.errors[\(index)].every")
        }
        try Check.share(serverErrors.share, "faults.serverErrors.share")
        try Check.that(
            (500...599).contains(serverErrors.status),
            "faults.serverErrors.status",
            "must be 500 to 599, not \(serverErrors.status)"
        )
        try Check.that(
            latency.minimumMilliseconds >= 0 && latency.minimumMilliseconds <= latency.maximumMilliseconds
                && latency.maximumMilliseconds <= 3_600_000,
            "faults.latency",
            "must go from 0 milliseconds or more up to an hour or less, the minimum first"
        )
        try Check.share(lostAnswers.share, "faults.lostAnswers.share")
        try Check.seconds(lostAnswers.silentSeconds, "faults.lostAnswers.silentSeconds")
        if let rejectEverything {
            try Check.seconds(rejectEverything.seconds, "faults.rejectEverything.seconds")
            try Check.status(rejectEverything.status, "faults.rejectEverything.status")
            try Self.code(rejectEverything.code, "faults.rejectEverything.code")
        }
        try webhooks.validate()
        try validateAnswers()
        try Self.recipients(recipientErrors, "faults.recipientErrors")
        try Self.recipients(recipientFailures, "faults.recipientFailures")
    }

    static func recipient(_ number: String?, _ field: String) throws(SimulatorError) {
        guard let number else { return }
        try Check.that(Recipient(to: number, requiresPlus: true) != nil, field, "is not a number like +5511999990000")
    }

    static func code(_ value: Int, _ field: String) throws(SimulatorError) {
        try Check.that((0...999_999).contains(value), field, "must be an error code from 0 to 999999, not \(value)")
    }

    private static func recipients(_ codes: [String: Int], _ field: String) throws(SimulatorError) {
        for (number, code) in codes {
            let isKnown = Recipient(to: number, requiresPlus: true) != nil
            try Check.that(isKnown, "\(field).\(number)", "is not a number like +5511999990000")
            try Self.code(code, "\(field).\(number)")
        }
    }
}

extension SimulatorFaults.WebhookFault {
    func validate() throws(SimulatorError) {
        try Check.share(droppedShare, "faults.webhooks.droppedShare")
        try Check.share(duplicatedShare, "faults.webhooks.duplicatedShare")
        try Check.share(reorderedShare, "faults.webhooks.reorderedShare")
        try Check.share(delayedShare, "faults.webhooks.delayedShare")
        try Check.seconds(delaySeconds, "faults.webhooks.delaySeconds")
    }
}

extension SimulatorFaults {
    /// Reads faults from JSON, in which every key is optional and unknown keys are errors.
    ///
    /// - Throws: ``SimulatorError`` for JSON of another shape or a value outside its range.
    public init(json: Data) throws(SimulatorError) {
        do {
            self = try JSONDecoder().decode(SimulatorFaults.self, from: json)
        } catch {
            throw .unreadable(what: "the faults", reason: DecodingReason.text(of: error))
        }
        try validate()
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case errors, serverErrors, latency, lostAnswers, rejectEverything, webhooks, recipientErrors, recipientFailures,
            pages
        case messageStatuses, failures
    }

    /// Reads faults, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        errors = try values.decodeIfPresent([ErrorFault].self, forKey: .errors) ?? []
        serverErrors = try values.decodeIfPresent(ServerErrorFault.self, forKey: .serverErrors) ?? .init()
        latency = try values.decodeIfPresent(LatencyFault.self, forKey: .latency) ?? .init()
        lostAnswers = try values.decodeIfPresent(LostAnswerFault.self, forKey: .lostAnswers) ?? .init()
        rejectEverything = try values.decodeIfPresent(RejectEverythingFault.self, forKey: .rejectEverything)
        webhooks = try values.decodeIfPresent(WebhookFault.self, forKey: .webhooks) ?? .init()
        recipientErrors = try values.decodeIfPresent([String: Int].self, forKey: .recipientErrors) ?? [:]
        recipientFailures = try values.decodeIfPresent([String: Int].self, forKey: .recipientFailures) ?? [:]
        pages = try values.decodeIfPresent([PageFault].self, forKey: .pages) ?? []
        messageStatuses = try values.decodeIfPresent([MessageStatusFault].self, forKey: .messageStatuses) ?? []
        failures = try values.decodeIfPresent([FailureFault].self, forKey: .failures) ?? []
    }
}

extension SimulatorFaults.ErrorFault {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case share, code, status, phoneNumberId, retryAfterSeconds, subcode, details, recipient, every
    }

    /// Reads one fault; `code` must be there, and `share` unless a recipient or each n-th request is struck.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        recipient = try values.decodeIfPresent(String.self, forKey: .recipient)
        every = try values.decodeIfPresent(Int.self, forKey: .every)
        subcode = try values.decodeIfPresent(Int.self, forKey: .subcode)
        details = try values.decodeIfPresent(String.self, forKey: .details)
        let isNarrow = recipient != nil || every != nil
        share =
            try isNarrow
            ? values.decodeIfPresent(Double.self, forKey: .share) ?? 1 : values.decode(Double.self, forKey: .share)
        code = try values.decode(Int.self, forKey: .code)
        status = try values.decodeIfPresent(Int.self, forKey: .status)
        phoneNumberId = try values.decodeIfPresent(String.self, forKey: .phoneNumberId)
        retryAfterSeconds = try values.decodeIfPresent(Int.self, forKey: .retryAfterSeconds)
    }
}

extension SimulatorFaults.ServerErrorFault {
    enum CodingKeys: String, CodingKey, CaseIterable { case share, status }

    /// Reads the fault, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        share = try values.decodeIfPresent(Double.self, forKey: .share) ?? 0
        status = try values.decodeIfPresent(Int.self, forKey: .status) ?? 503
    }
}

extension SimulatorFaults.LatencyFault {
    enum CodingKeys: String, CodingKey, CaseIterable { case minimumMilliseconds, maximumMilliseconds }

    /// Reads the fault; a maximum alone begins at 0, a minimum alone is fixed.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        minimumMilliseconds = try values.decodeIfPresent(Int.self, forKey: .minimumMilliseconds) ?? 0
        maximumMilliseconds =
            try values.decodeIfPresent(Int.self, forKey: .maximumMilliseconds) ?? minimumMilliseconds
    }
}

extension SimulatorFaults.LostAnswerFault {
    enum CodingKeys: String, CodingKey, CaseIterable { case share, mode, silentSeconds }

    /// Reads the fault, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        share = try values.decodeIfPresent(Double.self, forKey: .share) ?? 0
        mode = try values.decodeIfPresent(Mode.self, forKey: .mode) ?? .close
        silentSeconds = try values.decodeIfPresent(Double.self, forKey: .silentSeconds) ?? 60
    }
}

extension SimulatorFaults.RejectEverythingFault {
    enum CodingKeys: String, CodingKey, CaseIterable { case seconds, code, status, phoneNumberId }

    /// Reads the fault; `seconds` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        seconds = try values.decode(Double.self, forKey: .seconds)
        code = try values.decodeIfPresent(Int.self, forKey: .code) ?? 131_016
        status = try values.decodeIfPresent(Int.self, forKey: .status)
        phoneNumberId = try values.decodeIfPresent(String.self, forKey: .phoneNumberId)
    }
}

extension SimulatorFaults.WebhookFault {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case droppedShare, duplicatedShare, reorderedShare, delayedShare, delaySeconds
    }

    /// Reads the fault, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        droppedShare = try values.decodeIfPresent(Double.self, forKey: .droppedShare) ?? 0
        duplicatedShare = try values.decodeIfPresent(Double.self, forKey: .duplicatedShare) ?? 0
        reorderedShare = try values.decodeIfPresent(Double.self, forKey: .reorderedShare) ?? 0
        delayedShare = try values.decodeIfPresent(Double.self, forKey: .delayedShare) ?? 0
        delaySeconds = try values.decodeIfPresent(Double.self, forKey: .delaySeconds) ?? 5
    }
}

/// Any key; reveals the keys that a type does not know.
private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}

extension Decoder {
    /// Returns the keyed container, after refusing keys outside `keys`: a misspelled fault must not pass as no fault.
    func closedContainer<Key: CodingKey & CaseIterable>(keyedBy keys: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let present = try container(keyedBy: AnyKey.self)
        for key in present.allKeys where Key(stringValue: key.stringValue) == nil {
            let known = keys.allCases.map(\.stringValue).joined(separator: ", ")
            throw DecodingError.dataCorrupted(
                .init(codingPath: codingPath, debugDescription: "unknown key '\(key.stringValue)', known are \(known)")
            )
        }
        return try container(keyedBy: keys)
    }
}

/// The wording of decoding errors.
enum DecodingReason {
    /// Returns the path of keys to the mistake; empty at the top.
    static func path(of error: any Error) -> String {
        switch error {
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            path(of: context.codingPath)
        case DecodingError.keyNotFound(let key, let context):
            path(of: context.codingPath + [key])
        default: ""
        }
    }

    /// Returns one line that names the place and what is wrong there.
    static func text(of error: any Error) -> String {
        let place = path(of: error)
        let prefix = place.isEmpty ? "" : "'\(place)': "
        switch error {
        case DecodingError.typeMismatch(let type, _): return "\(prefix)is not of type \(type)"
        case DecodingError.valueNotFound(_, _): return "\(prefix)must not be null"
        case DecodingError.keyNotFound(_, _): return "\(prefix)is missing"
        case DecodingError.dataCorrupted(let context): return "\(prefix)\(context.debugDescription)"
        default: return "\(error)"
        }
    }

    private static func path(of keys: [any CodingKey]) -> String {
        var path = ""
        for key in keys {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path
    }
}
