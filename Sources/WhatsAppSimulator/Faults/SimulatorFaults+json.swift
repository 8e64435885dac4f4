public import Foundation

extension SimulatorFaults {
    /// Reads faults from JSON, in which every key may be left out and no unknown key may stand.
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
        case errors, serverErrors, latency, lostAnswers, rejectEverything, webhooks, recipientErrors, recipientFailures
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
    }
}

extension SimulatorFaults.ErrorFault {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case share, code, status, phoneNumberId, retryAfterSeconds
    }

    /// Reads one fault; `share` and `code` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        share = try values.decode(Double.self, forKey: .share)
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
