public import Foundation
import Postgres

/// A fact that WhatsApp reports of a template, a number or an account; the latest one of its kind is kept.
public struct AccountFact: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// `advice` says how to mend a template that was rejected.
        case templateStatus(name: String, language: String, status: String, reason: String?, advice: String? = nil)
        case templateQuality(name: String, language: String, String)
        /// `next` is a category that WhatsApp announces; `nil` if the change is done.
        case templateCategory(name: String, language: String, String, next: String?)
        /// The last event of a number's quality, by the number as people write it.
        case numberQuality(display: String, event: String)
        /// Business-initiated messages in 24 hours; `nil` for no limit.
        case messagingLimit(Int?)
        /// Restrictions that forbid sending; `nil` when they have ended.
        case restriction(String?, until: Date?)
    }

    public let businessAccountID: String
    /// The time at which WhatsApp reported it.
    public let at: Date
    public let content: Content

    public init(businessAccountID: String, at: Date, _ content: Content) {
        (self.businessAccountID, self.at, self.content) = (businessAccountID, at, content)
    }
}

/// The state of a template at WhatsApp in one account, as far as webhooks told it.
public struct TemplateState: Hashable, Sendable {
    /// The statuses in which WhatsApp refuses a template.
    ///
    /// A template in review is left out: it is not known whether an edited one can be sent, and WhatsApp's answer says so.
    public static let stopped: Set<String> = [
        "PAUSED", "DISABLED", "REJECTED", "ARCHIVED", "IN_APPEAL", "PENDING_DELETION", "DELETED",
    ]
    /// The events that end a stop.
    static let approved: Set<String> = ["APPROVED", "REINSTATED", "UNARCHIVED"]
    private static let unremarkable: Set<String> = approved.union(["UNFLAGGED"])

    public let businessAccountID: String
    public let name: String
    /// With an underscore.
    public let language: String
    /// The event of WhatsApp, such as `APPROVED`, `PAUSED` or `LOCKED`.
    public let status: String?
    public let reason: String?
    public let statusAt: Date?
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    public let quality: String?
    /// In lower case, as specs have it.
    public let category: String?
    public let nextCategory: String?

    public var isStopped: Bool { status.map(Self.stopped.contains) ?? false }

    /// Returns the facts that matter to a campaign that uses it, as a clause; `nil` if there are none.
    ///
    /// - Parameters:
    ///   - stored: The category that the spec has.
    ///   - time: Writes a time; in UTC by default.
    /// - Returns: A clause without a subject, such as `is PAUSED`.
    public func remark(
        storedCategory stored: String?,
        time: (Date) -> String = { $0.formatted(.iso8601) }
    ) -> String? {
        var remarks: [String] = []
        if let status, !Self.unremarkable.contains(status) {
            let since = statusAt.map { " since \(time($0))" } ?? ""
            remarks.append("is \(status)\(since)" + (reason.map { " (\($0))" } ?? ""))
        }
        if quality == "RED" { remarks.append("has low quality, and may be paused") }
        if let nextCategory {
            remarks.append("becomes \(nextCategory), which changes its price")
        } else if let category, let stored, category != stored {
            remarks.append("is \(category), not \(stored): correct its spec")
        }
        return remarks.isEmpty ? nil : remarks.joined(separator: "; it ")
    }

    /// Returns a language code as specs have it: webhooks have `en-US` for `en_US`.
    public static func language(_ code: String) -> String { code.replacing("-", with: "_") }

    /// The condition that WhatsApp has `whatsapp_templates AS w` as marketing, or will soon.
    static let isMarketing: PostgresQuery = """
        (w."goneAt" IS NULL AND 'MARKETING' IN (upper(w.category), upper(w."nextCategory")))
        """

    /// Returns the condition that a message, as rows hold it, is sent in a language: everybody gets it, or some do.
    static func isSent(by message: PostgresQuery, in language: PostgresQuery) -> PostgresQuery {
        """
        (replace(\(fragment: message) #>> '{template,language,code}', '-', '_') = \(fragment: language)
            OR jsonb_exists(\(fragment: message) #> '{languages,components}', \(fragment: language)))
        """
    }
}
