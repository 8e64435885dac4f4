extension SimulatorFaults {
    /// A share of requests that something other than WhatsApp answers: a proxy, a firewall, another server.
    public struct PageFault: Codable, Hashable, Sendable {
        /// The share of requests, 0 to 1.
        public var share = 1.0
        /// Strikes only each n-th request, counted over all; `nil` strikes any.
        public var every: Int?
        /// The HTTP status, 200 to 599.
        public var status: Int
        /// The `Content-Type` header; empty for none.
        public var contentType = "text/html"
        /// The body; `nil` sends a small page.
        public var body: String?
        /// The `Location` header of a redirect; `nil` sends none.
        public var location: String?
        /// True if the connection is closed after the answer.
        public var closes = false

        /// Makes a fault that strikes all requests.
        public init(status: Int) { self.status = status }
    }

    /// A share of templates that are accepted with a `message_status` other than `accepted`.
    public struct MessageStatusFault: Codable, Hashable, Sendable {
        /// The share of accepted templates, 0 to 1.
        public var share = 1.0
        /// The status, such as `held_for_quality_assessment` or `paused`.
        public var status: String

        /// Makes a fault that strikes all templates.
        public init(status: String) { self.status = status }
    }

    /// A share of accepted messages that get a `failed` status.
    public struct FailureFault: Codable, Hashable, Sendable {
        /// The share of accepted messages, 0 to 1.
        public var share = 1.0
        /// The error code.
        public var code: Int
        /// The text of `error_data.details`; `nil` for the simulator's own.
        public var details: String?
        /// The only recipient it strikes, with `+`; `nil` strikes all.
        public var recipient: String?

        /// Makes a fault that strikes all messages.
        public init(code: Int) { self.code = code }
    }

    /// Checks the faults of this file.
    func validateAnswers() throws(SimulatorError) {
        for (index, page) in pages.enumerated() {
            try Check.share(page.share, "faults.pages[\(index)].share")
            try Check.every(page.every, "faults.pages[\(index)].every")
            try Check.that(
                (200...599).contains(page.status),
                "faults.pages[\(index)].status",
                "must be an HTTP status from 200 to 599, not \(page.status)"
            )
        }
        for (index, status) in messageStatuses.enumerated() {
            try Check.share(status.share, "faults.messageStatuses[\(index)].share")
            try Check.that(!status.status.isEmpty, "faults.messageStatuses[\(index)].status", "must not be empty")
        }
        for (index, failure) in failures.enumerated() {
            try Check.share(failure.share, "faults.failures[\(index)].share")
            try Self.code(failure.code, "faults.failures[\(index)].code")
            try Self.recipient(failure.recipient, "faults.failures[\(index)].recipient")
        }
    }
}

extension Check {
    static func every(_ value: Int?, _ field: String) throws(SimulatorError) {
        guard let value else { return }
        try that(value >= 1, field, "must be at least 1, not \(value)")
    }
}

extension SimulatorFaults.PageFault {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case share, every, status, contentType, body, location, closes
    }

    /// Reads the fault; `status` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        share = try values.decodeIfPresent(Double.self, forKey: .share) ?? 1
        every = try values.decodeIfPresent(Int.self, forKey: .every)
        status = try values.decode(Int.self, forKey: .status)
        contentType = try values.decodeIfPresent(String.self, forKey: .contentType) ?? "text/html"
        body = try values.decodeIfPresent(String.self, forKey: .body)
        location = try values.decodeIfPresent(String.self, forKey: .location)
        closes = try values.decodeIfPresent(Bool.self, forKey: .closes) ?? false
    }
}

extension SimulatorFaults.MessageStatusFault {
    enum CodingKeys: String, CodingKey, CaseIterable { case share, status }

    /// Reads the fault; `status` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        share = try values.decodeIfPresent(Double.self, forKey: .share) ?? 1
        status = try values.decode(String.self, forKey: .status)
    }
}

extension SimulatorFaults.FailureFault {
    enum CodingKeys: String, CodingKey, CaseIterable { case share, code, details, recipient }

    /// Reads the fault; `code` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        share = try values.decodeIfPresent(Double.self, forKey: .share) ?? 1
        code = try values.decode(Int.self, forKey: .code)
        details = try values.decodeIfPresent(String.self, forKey: .details)
        recipient = try values.decodeIfPresent(String.self, forKey: .recipient)
    }
}
