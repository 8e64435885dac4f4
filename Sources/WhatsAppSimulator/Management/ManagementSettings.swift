public import Foundation

/// The settings of templates, numbers and account; the same value at start, in code, and as JSON at run time.
///
/// ```json
/// { "reviewSeconds": 5, "decisions": [ { "contains": "offer", "category": "MARKETING", "isAtCreation": true } ] }
/// ```
public struct ManagementSettings: Codable, Hashable, Sendable {
    /// The outcome of reviews of templates whose name contains a text.
    public struct Decision: Codable, Hashable, Sendable {
        /// The text; empty for all names.
        public var contains = ""
        /// The status after the review.
        public var status = "APPROVED"
        /// The reason of a rejection.
        public var reason = "INVALID_FORMAT"
        /// The category that the template gets; `nil` keeps the one asked for.
        public var category: String?
        /// True to change the category in the answer to the creation, false to change it after the review.
        public var isAtCreation = false
        /// The duration of the review; `nil` takes that of the settings.
        public var seconds: Double?

        /// Makes a decision that approves everything.
        public init() {}
    }

    /// The order of the webhook of a decision and of its sight in answers.
    public enum WebhookOrder: String, Codable, Sendable {
        /// One of the other two for each template, by the seed.
        case seeded
        case before, after
    }

    /// The duration of a review.
    public var reviewSeconds = 1.0
    /// The longest time between a webhook and the sight of its decision in answers.
    public var webhookLagSeconds = 0.3
    public var webhookOrder = WebhookOrder.seeded
    /// The first that fits a name counts; a name that none fits is approved.
    public var decisions: [Decision] = {
        var rejection = Decision()
        rejection.contains = "reject_"
        rejection.status = "REJECTED"
        return [rejection]
    }()
    /// True if an approved template that is edited can be sent during its review.
    public var keepsSendingWhileReviewed = false
    /// True if templates that were never created here cannot be sent (132001).
    public var refusesUnknownTemplates = false
    public var createsPerHour = 100
    /// The templates of an account, each language counted; `nil` for 250, or 6,000 if the business is verified.
    public var templateLimit: Int?
    public var editsPerDay = 1
    public var editsPer30Days = 10
    /// The time for which the name of a deleted approved template cannot be used.
    public var nameBarDays = 30.0
    /// The same for other templates.
    public var deletionSeconds = 60.0
    /// The fewest words of a text for each of its variables; really unpublished.
    public var wordsPerVariable = 1.0
    /// Calls of one token for one account.
    public var callsPerHour = 200
    /// Calls of one token for all accounts; `nil` for no limit.
    public var appCallsPerHour: Int?
    public var isVerified = true
    public var appId = "670843887433847"
    public var businessId = "506914307656634"
    public var accountName = "Simulated business"
    public var currency = "USD"
    public var timezoneId = "1"
    public var country = "US"
    public var tokenScopes = ["whatsapp_business_management", "whatsapp_business_messaging"]
    /// The end of tokens, in seconds since 1970; 0 for never.
    public var tokenExpiresAt = 0
    public var numbers: [Number] = []
    public var faults: [ManagementFault] = []

    /// Makes the settings with their defaults.
    public init() {}

    /// A phone number of an account.
    public struct Number: Codable, Hashable, Sendable {
        public var id: String
        /// The account; `nil` for that of the simulator.
        public var account: String?
        public var displayPhoneNumber: String?
        public var verifiedName: String?

        /// Makes a number of the simulator's account.
        public init(id: String) { self.id = id }
    }

    /// Reads settings from JSON, in which every key is optional and unknown keys are errors.
    ///
    /// - Throws: ``SimulatorError`` for JSON of another shape or a value outside its range.
    public init(json: Data) throws(SimulatorError) {
        do {
            self = try JSONDecoder().decode(ManagementSettings.self, from: json)
        } catch {
            throw .unreadable(what: "the settings of the management side", reason: DecodingReason.text(of: error))
        }
        try validate()
    }

    func validate() throws(SimulatorError) {
        let times = [
            ("reviewSeconds", reviewSeconds), ("webhookLagSeconds", webhookLagSeconds), ("nameBarDays", nameBarDays),
            ("deletionSeconds", deletionSeconds), ("wordsPerVariable", wordsPerVariable),
        ]
        for (name, value) in times {
            try Check.that(value >= 0 && value < 1e8, "management.\(name)", "must not be less than 0, as \(value)")
        }
        let counts = [
            ("createsPerHour", createsPerHour), ("templateLimit", templateLimit ?? 0), ("editsPerDay", editsPerDay),
            ("editsPer30Days", editsPer30Days), ("callsPerHour", callsPerHour),
            ("appCallsPerHour", appCallsPerHour ?? 0),
        ]
        for (name, value) in counts {
            try Check.that(value >= 0, "management.\(name)", "must not be less than 0, as \(value)")
        }
        for (index, decision) in decisions.enumerated() { try decision.validate("management.decisions[\(index)]") }
        for (index, fault) in faults.enumerated() { try fault.validate("management.faults[\(index)]") }
    }
}

extension ManagementSettings {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case reviewSeconds, webhookLagSeconds, webhookOrder, decisions, keepsSendingWhileReviewed
        case refusesUnknownTemplates, createsPerHour, templateLimit, editsPerDay, editsPer30Days, nameBarDays
        case deletionSeconds, wordsPerVariable, callsPerHour, appCallsPerHour, isVerified, appId, businessId
        case accountName, currency, timezoneId, country, tokenScopes, tokenExpiresAt, numbers, faults
    }

    /// Reads settings, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        func read<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
            value = try values.decodeIfPresent(Value.self, forKey: key) ?? value
        }
        try read(.reviewSeconds, &reviewSeconds)
        try read(.webhookLagSeconds, &webhookLagSeconds)
        try read(.webhookOrder, &webhookOrder)
        try read(.decisions, &decisions)
        try read(.keepsSendingWhileReviewed, &keepsSendingWhileReviewed)
        try read(.refusesUnknownTemplates, &refusesUnknownTemplates)
        try read(.createsPerHour, &createsPerHour)
        templateLimit = try values.decodeIfPresent(Int.self, forKey: .templateLimit)
        try read(.editsPerDay, &editsPerDay)
        try read(.editsPer30Days, &editsPer30Days)
        try read(.nameBarDays, &nameBarDays)
        try read(.deletionSeconds, &deletionSeconds)
        try read(.wordsPerVariable, &wordsPerVariable)
        try read(.callsPerHour, &callsPerHour)
        appCallsPerHour = try values.decodeIfPresent(Int.self, forKey: .appCallsPerHour)
        try read(.isVerified, &isVerified)
        try read(.appId, &appId)
        try read(.businessId, &businessId)
        try read(.accountName, &accountName)
        try read(.currency, &currency)
        try read(.timezoneId, &timezoneId)
        try read(.country, &country)
        try read(.tokenScopes, &tokenScopes)
        try read(.tokenExpiresAt, &tokenExpiresAt)
        try read(.numbers, &numbers)
        try read(.faults, &faults)
    }
}

extension ManagementSettings.Decision {
    func validate(_ place: String) throws(SimulatorError) {
        try Check.that(
            ["APPROVED", "REJECTED"].contains(status),
            "\(place).status",
            "must be APPROVED or REJECTED, not '\(status)'"
        )
        if let category {
            let known = StoredTemplate.categories.joined(separator: ", ")
            try Check.that(StoredTemplate.categories.contains(category), "\(place).category", "must be one of \(known)")
        }
        if let seconds {
            try Check.that(seconds >= 0 && seconds < 1e8, "\(place).seconds", "must not be less than 0")
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case contains, status, reason, category, isAtCreation, seconds }

    /// Reads a decision, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        contains = try values.decodeIfPresent(String.self, forKey: .contains) ?? ""
        status = try values.decodeIfPresent(String.self, forKey: .status) ?? "APPROVED"
        reason = try values.decodeIfPresent(String.self, forKey: .reason) ?? "INVALID_FORMAT"
        category = try values.decodeIfPresent(String.self, forKey: .category)
        isAtCreation = try values.decodeIfPresent(Bool.self, forKey: .isAtCreation) ?? false
        seconds = try values.decodeIfPresent(Double.self, forKey: .seconds)
    }
}

extension ManagementSettings.Number {
    enum CodingKeys: String, CodingKey, CaseIterable { case id, account, displayPhoneNumber, verifiedName }

    /// Reads a number; `id` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        id = try values.decode(String.self, forKey: .id)
        account = try values.decodeIfPresent(String.self, forKey: .account)
        displayPhoneNumber = try values.decodeIfPresent(String.self, forKey: .displayPhoneNumber)
        verifiedName = try values.decodeIfPresent(String.self, forKey: .verifiedName)
    }
}
