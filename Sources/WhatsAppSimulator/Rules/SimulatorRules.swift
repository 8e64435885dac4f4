public import Foundation

/// The rules of the real service that a simulator applies on request; the same value at start, in code, and as JSON at run
/// time.
///
/// ```json
/// { "closesWindows": true, "templates": [ { "name": "offer", "language": "en_US", "parameters": ["1"] } ] }
/// ```
public struct SimulatorRules: Codable, Hashable, Sendable {
    /// A template of the account.
    public struct Template: Codable, Hashable, Sendable {
        /// The format of a header that needs a parameter.
        public enum Header: String, Codable, Sendable {
            case text, image, video, document, location, product
        }

        public var name: String
        /// With an underscore, as requests have it.
        public var language: String
        /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
        public var category = "MARKETING"
        /// `APPROVED`, `HELD` (accepted, and held back until the status changes), `PAUSED`, `DISABLED`, or another one, with
        /// which it does not exist for senders.
        public var status = "APPROVED"
        /// The parameters of the body: `1`, `2`, …, or names.
        public var parameters: [String] = []
        /// `nil` for a header without a parameter, or none.
        public var header: Header?
        /// The kinds of the buttons; `url`, `copy_code`, `flow`, `mpm` and `otp` need a parameter, others have none.
        public var buttons: [String] = []
        /// True if it has an offer that ends at a time.
        public var hasOffer = false
        /// The cards of a carousel.
        public var cards: [Card] = []

        public init(name: String, language: String) {
            (self.name, self.language) = (name, language)
        }

        var parts: Card { Card(header: header, parameters: parameters, buttons: buttons) }
    }

    /// The parts of a template, or of one card of a carousel, that take parameters.
    public struct Card: Codable, Hashable, Sendable {
        public var header: Template.Header?
        public var parameters: [String] = []
        public var buttons: [String] = []

        public init(header: Template.Header? = nil, parameters: [String] = [], buttons: [String] = []) {
            (self.header, self.parameters, self.buttons) = (header, parameters, buttons)
        }

        var isNamed: Bool { parameters.contains { $0.contains { !$0.isASCII || !$0.isNumber } } }
    }

    /// True to take a `to` without a leading `+`, whatever the configuration.
    public var acceptsPlainNumbers = false
    /// True to give numbers of Brazil, Mexico and Argentina the `wa_id` that WhatsApp has for them.
    public var rewritesNumbers = false
    /// True to name contacts and their user ids in statuses and answers, as webhooks do since April 2026.
    public var namesContacts = false
    /// True to fail free text (131047) to contacts who did not write to this number within 24 hours.
    public var closesWindows = false
    /// True to refuse ids of media that were not uploaded for this number.
    public var checksMedia = false
    /// The marketing messages that a person gets in 24 hours, after which they fail (131049); `nil` for no limit.
    public var marketingPerDay: Int?
    /// The only templates that exist; an empty list accepts any.
    public var templates: [Template] = []

    /// Makes rules that are all off.
    public init() {}

    /// All rules that need no further data.
    public static var real: SimulatorRules {
        var rules = SimulatorRules()
        rules.acceptsPlainNumbers = true
        rules.rewritesNumbers = true
        rules.namesContacts = true
        rules.closesWindows = true
        rules.checksMedia = true
        return rules
    }

    /// Reads rules from JSON, in which every key is optional and unknown keys are errors.
    ///
    /// - Throws: ``SimulatorError`` for JSON of another shape or a value outside its range.
    public init(json: Data) throws(SimulatorError) {
        do {
            self = try JSONDecoder().decode(SimulatorRules.self, from: json)
        } catch {
            throw .unreadable(what: "the rules", reason: DecodingReason.text(of: error))
        }
        try validate()
    }

    func validate() throws(SimulatorError) {
        if let marketingPerDay {
            try Check.that(marketingPerDay > 0, "rules.marketingPerDay", "must be at least 1, not \(marketingPerDay)")
        }
        for (index, template) in templates.enumerated() {
            try Check.that(!template.name.isEmpty, "rules.templates[\(index)].name", "is empty")
            try Check.that(!template.language.isEmpty, "rules.templates[\(index)].language", "is empty")
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case acceptsPlainNumbers, rewritesNumbers, namesContacts, closesWindows, checksMedia, marketingPerDay, templates
    }

    /// Reads rules, taking the default for each key that is missing.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        acceptsPlainNumbers = try values.decodeIfPresent(Bool.self, forKey: .acceptsPlainNumbers) ?? false
        rewritesNumbers = try values.decodeIfPresent(Bool.self, forKey: .rewritesNumbers) ?? false
        namesContacts = try values.decodeIfPresent(Bool.self, forKey: .namesContacts) ?? false
        closesWindows = try values.decodeIfPresent(Bool.self, forKey: .closesWindows) ?? false
        checksMedia = try values.decodeIfPresent(Bool.self, forKey: .checksMedia) ?? false
        marketingPerDay = try values.decodeIfPresent(Int.self, forKey: .marketingPerDay)
        templates = try values.decodeIfPresent([Template].self, forKey: .templates) ?? []
    }
}

extension SimulatorRules.Template {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, language, category, status, parameters, header, buttons, hasOffer, cards
    }

    /// Reads a template; `name` and `language` must be there.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        language = try values.decode(String.self, forKey: .language)
        category = try values.decodeIfPresent(String.self, forKey: .category) ?? "MARKETING"
        status = try values.decodeIfPresent(String.self, forKey: .status) ?? "APPROVED"
        parameters = try values.decodeIfPresent([String].self, forKey: .parameters) ?? []
        header = try values.decodeIfPresent(Header.self, forKey: .header)
        buttons = try values.decodeIfPresent([String].self, forKey: .buttons) ?? []
        hasOffer = try values.decodeIfPresent(Bool.self, forKey: .hasOffer) ?? false
        cards = try values.decodeIfPresent([SimulatorRules.Card].self, forKey: .cards) ?? []
    }
}

extension SimulatorRules.Card {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case header, parameters, buttons
    }

    /// Reads a card, in which every key is optional.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.closedContainer(keyedBy: CodingKeys.self)
        header = try values.decodeIfPresent(SimulatorRules.Template.Header.self, forKey: .header)
        parameters = try values.decodeIfPresent([String].self, forKey: .parameters) ?? []
        buttons = try values.decodeIfPresent([String].self, forKey: .buttons) ?? []
    }
}
