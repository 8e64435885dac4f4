public import Foundation
public import Postgres
import Spec

/// The messages that a statement about consent is about.
public enum ConsentLevel: String, CaseIterable, Sendable, PostgresScalar {
    /// All messages of the tenant.
    case all
    /// Marketing messages: those of campaigns whose template is of this category, or of none that is known.
    case marketing
}

/// The way by which a statement about consent came in.
public enum ConsentSource: String, CaseIterable, Sendable {
    /// A message that says nothing but stop, or start.
    case message
    /// A button with such a label or payload.
    case button
    /// WhatsApp's own setting for marketing messages.
    case preference
    /// WhatsApp refused a message, because the person had stopped marketing messages.
    case refusal = "error_131050"
    /// A file of contacts.
    case `import`
    case api
    case command
    /// Known of a person who was erased and came back.
    case erased
    /// Known of a contact whose data retention has deleted: another system had opted it out in its row.
    case retention
}

/// A statement of a person, or about a person, that gives or withdraws consent.
public struct ConsentStatement: Hashable, Sendable {
    public let tenantID: String
    /// All ids by which the person is known; phone numbers in any spelling.
    public let ids: [String]
    public let level: ConsentLevel
    public let isOptedIn: Bool
    public let source: ConsentSource
    /// The person who said it for this one; `nil` if this one did.
    public let actor: RunActor?
    /// The reason, for people.
    public let reason: String?
    /// The time at which it was said; `nil` is the present by Postgres's clock.
    public let at: Date?

    public init(
        tenantID: String,
        ids: [String],
        _ level: ConsentLevel,
        isOptedIn: Bool,
        source: ConsentSource,
        actor: RunActor? = nil,
        reason: String? = nil,
        at: Date? = nil
    ) {
        (self.tenantID, self.ids, self.level, self.isOptedIn) = (tenantID, ids, level, isOptedIn)
        (self.source, self.actor, self.reason, self.at) = (source, actor, reason, at)
    }
}

/// The condition under which a contact gets messages.
enum ConsentCondition {
    /// Returns the condition for `contacts AS c` and a message of a category.
    static func allows(_ category: TemplateSpec.Category) -> PostgresQuery {
        category.isMarketing
            ? "c.\"optedIn\" AND c.\"suppressedLevel\" IS NULL"
            : "c.\"optedIn\" AND c.\"suppressedLevel\" IS DISTINCT FROM 'all'"
    }

    /// The codes of messages, of `contacts AS c` and `campaign_runs AS r`, to contacts who withdrew consent, as cases.
    ///
    /// A test goes to named people who need not have agreed, but never to one who has opted out.
    static let refusals: PostgresQuery = """
        WHEN (c."optedIn" IS NOT TRUE AND (NOT r."isTest" OR c."optedOutAt" IS NOT NULL)) OR c."suppressedLevel" = 'all' THEN 'opted_out'
        WHEN c."suppressedLevel" IS NOT NULL AND r."isMarketing" THEN 'marketing_stopped'
        """
}
