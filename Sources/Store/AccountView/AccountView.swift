public import Foundation
public import JSON
import Spec

/// An account of a tenant, with what its token has read at WhatsApp.
public struct AccountView: Sendable {
    /// The row of `accounts`.
    public let accountID: UUID
    public let tenantID: String
    /// The name of the spec.
    public let name: String
    /// WhatsApp's id of the account.
    public let wabaID: String
    /// A reference, never the token.
    public let accessToken: String
    public let appID: String?
    /// The business portfolio that the spec names; `nil` if it names none.
    public let businessID: String?
    /// The end of the last whole reading; `nil` if the account was never read, and then nothing of WhatsApp's is known.
    public let sweptAt: Date?
    /// The start of that reading: what happened at WhatsApp since may be unknown.
    public let sweptFrom: Date?
    /// The next reading; `nil` before the first daemon has seen the account.
    public let dueAt: Date?
    /// The reason why the last reading failed, with the remedy; `nil` if it did not.
    public let error: String?
    public let errorAt: Date?
    /// The account itself, as WhatsApp has it; `nil` if it was never read.
    public let profile: AccountProfile?
    public let numbers: [SeenNumber]
    /// The templates, by name and language, with those that are gone.
    public let templates: [SeenTemplate]

    /// Returns a template by its name and language at WhatsApp, whatever the spelling of the language; `nil` if it is not there.
    public func template(_ name: String, _ language: String) -> SeenTemplate? {
        let language = TemplateState.language(language)
        return templates.first { $0.name == name && $0.language == language && $0.goneAt == nil }
    }

    /// The outcome of a wait for a reading.
    public enum Reading: Hashable, Sendable {
        case done, open
        /// It has failed, or does not begin in time; with the reason and the remedy.
        case failed(String)
    }

    /// Returns what became of a reading that was asked for.
    ///
    /// - Parameters:
    ///   - asked: The time of the request, by Postgres's clock.
    ///   - end: The end of the wait, by the same clock.
    /// - Returns: The reading.
    public func reading(since asked: Date, until end: Date) -> Reading {
        if let sweptFrom, sweptFrom >= asked { return .done }
        guard let error else { return .open }
        if let errorAt, errorAt >= asked { return .failed(error) }
        // Such as while WhatsApp refuses calls.
        guard let dueAt, dueAt > end else { return .open }
        return .failed("\(error); it is read again at \(dueAt.formatted(.iso8601))")
    }
}

/// An account, as WhatsApp describes it.
public struct AccountProfile: Hashable, Sendable {
    public var name: String?
    public var currency: String?
    /// The business portfolio that owns the account.
    public var businessID: String?
    public var reviewStatus: String?
    public var verification: String?
    public var templateCount: Int?
    public var templateLimit: Int?
    /// Business-initiated messages in 24 hours, which all numbers of the portfolio share; `nil` if there is no limit, or none is known.
    public var messagingLimit: Int?

    public init() {}
}

/// A phone number of an account, as WhatsApp describes it.
public struct SeenNumber: Hashable, Sendable {
    public var phoneNumberID: String
    /// As people write it.
    public var displayPhoneNumber: String?
    public var verifiedName: String?
    /// `CONNECTED` is the only healthy one.
    public var status: String?
    public var nameStatus: String?
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    public var quality: String?
    /// `STANDARD` or `HIGH`.
    public var throughput: String?
    /// Such as `TIER_2K`, which is that of the portfolio.
    public var messagingTier: String?
    /// `CLOUD_API`; `NOT_APPLICABLE` if the number is not registered.
    public var platform: String?
    /// The addresses that webhooks go to: `application`, `whatsapp_business_account`, `phone_number`.
    public var webhooks: JSONValue?
    public var readAt: Date
    /// The time at which a reading did not find it; `nil` if it is there.
    public var goneAt: Date?

    public init(phoneNumberID: String, readAt: Date) {
        (self.phoneNumberID, self.readAt) = (phoneNumberID, readAt)
    }

    /// True if the number can send, as far as its status and its registration tell.
    public var isHealthy: Bool {
        goneAt == nil && (status ?? "CONNECTED") == "CONNECTED" && (platform ?? "CLOUD_API") == "CLOUD_API"
    }
}

/// A template in one language, as WhatsApp has it.
public struct SeenTemplate: Hashable, Sendable {
    public var name: String
    /// With an underscore.
    public var language: String
    /// WhatsApp's id; `nil` if only webhooks told of it.
    public var whatsappID: String?
    /// Such as `APPROVED` or `PAUSED`; `nil` if it is not known.
    public var status: String?
    /// The status before it was deleted; `nil` if it was not, or none is known.
    public var formerStatus: String?
    public var reason: String?
    /// WhatsApp's advice after a rejection.
    public var advice: String?
    /// In lower case, as specs have it.
    public var category: String?
    /// The category that it had before WhatsApp changed it.
    public var previousCategory: String?
    /// The category that it will have.
    public var nextCategory: String?
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    public var quality: String?
    /// The parts as WhatsApp returns them; `nil` if only webhooks told of it.
    public var components: JSONValue?
    /// `NAMED` or `POSITIONAL`.
    public var parameterFormat: String?
    public var ttlSeconds: Int?
    /// The time at which it was last read; `nil` if only webhooks told of it.
    public var readAt: Date?
    /// The time at which a whole reading did not find it; `nil` if it is there.
    public var goneAt: Date?

    public init(name: String, language: String) {
        self.name = name
        self.language = TemplateState.language(language)
    }

    /// Its name and language, as people name it.
    public var key: String { "\(name) (\(language))" }
}
