public import Foundation
public import JSON
import Postgres

/// A change at WhatsApp that a reconcile wishes: of one template in one language, or of all languages of a name.
public struct SubmissionWish: Hashable, Sendable {
    public enum Action: String, Hashable, Sendable {
        case create, edit, delete
    }

    public let tenantID: String
    /// The account, by its name.
    public let account: String
    /// The template of ours, by its name; `nil` for a deletion of one that has no file.
    public let template: String?
    public let action: Action
    /// The name at WhatsApp.
    public let name: String
    /// With an underscore; `nil` for the deletion of all languages.
    public let language: String?
    /// The body of the request, and the files that it needs under `samples`; `nil` for a deletion.
    public let request: JSONValue?

    public init(
        tenantID: String,
        account: String,
        template: String?,
        action: Action,
        name: String,
        language: String?,
        request: JSONValue?
    ) {
        (self.tenantID, self.account, self.template) = (tenantID, account, template)
        (self.action, self.name, self.language, self.request) = (action, name, language, request)
    }
}

/// A wish as it is stored, with what became of it.
public struct SubmissionRecord: Sendable {
    public let id: UUID
    /// The row of `accounts`; `nil` in a snapshot of a version before.
    public let accountID: UUID?
    /// WhatsApp's id of the account that it is for, which the spec of the account may have changed since; `nil` likewise.
    public let wabaID: String?
    public let wish: SubmissionWish
    public let status: SubmissionStatus
    /// Requests that may have arrived.
    public let attempts: Int
    /// The next step; in the past if it is being made.
    public let dueAt: Date
    /// The last request; `nil` if none was sent.
    public let sentAt: Date?
    /// True for an edit of an approved template, of which WhatsApp limits the number.
    public let countsAsEdit: Bool
    public let settledAt: Date?
    /// The category in WhatsApp's answer, in lower case; it can differ from the one that was asked for.
    public let category: String?
    /// The reason of a failure, or of a wait; `nil` if there is none.
    public let error: String?
    public let createdAt: Date
    /// True if a later plan wished it no more while a request was on its way: it is settled, and not sent again.
    public let isTakenBack: Bool

    init(row: PostgresRow) throws {
        id = try row.decode("id")
        accountID = try row.decode("accountId")
        wabaID = try row.decode("wabaId")
        wish = SubmissionWish(
            tenantID: try row.decode("tenantId"),
            account: try row.decode("accountName"),
            template: try row.decode("templateName"),
            action: SubmissionWish.Action(rawValue: try row.decode("action")) ?? .create,
            name: try row.decode("name"),
            language: try row.decode("language"),
            request: try row.json("request")
        )
        status = SubmissionStatus(rawValue: try row.decode("status")) ?? .failed
        attempts = try row.decode("attempts")
        dueAt = try row.decode("dueAt")
        sentAt = try row.decode("sentAt")
        countsAsEdit = try row.decode("countsAsEdit")
        settledAt = try row.decode("settledAt")
        category = try row.decode("category")
        error = try row.decode("error")
        createdAt = try row.decode("createdAt")
        isTakenBack = try row.decode("takenBackAt", as: Date?.self) != nil
    }
}

/// The right of a daemon to work on a wish for a while.
public struct SubmissionClaim: Sendable {
    public let lease: UUID
    public let record: SubmissionRecord
    /// WhatsApp's id of the account that the wish is for.
    public let wabaID: String
    /// The one that its spec has by now: nothing is sent if it is another.
    public let presentWabaID: String
    /// The reference to its token.
    public let accessToken: String
    public let appID: String?
    /// True if the spec of the account was deleted.
    public let isArchived: Bool
    /// The time since the last request; `nil` if none was sent.
    public let sinceSent: Duration?

    init(row: PostgresRow) throws {
        lease = try row.decode("lease")
        record = try SubmissionRecord(row: row)
        wabaID = try row.decode("wabaId")
        presentWabaID = try row.decode("presentWabaId")
        accessToken = try row.decode("accessToken")
        appID = try row.decode("appId")
        isArchived = try row.decode("isArchived")
        sinceSent = try row.decode("secondsSinceSent", as: Double?.self).map { .seconds(max(0, $0)) }
    }
}

/// The result of asking for the right to send a request.
public enum SubmissionMark: Hashable, Sendable {
    /// The request may be written: it is recorded that it may have arrived.
    case marked
    /// A limit of WhatsApp is used up.
    case limited(until: Date, reason: String)
    /// Something has begun to send the template since its deletion was planned.
    case used(TemplateUse)
    /// Another daemon has taken over.
    case lost
}

/// The outcome of a step of work on a wish.
public enum SubmissionStep: Hashable, Sendable {
    /// WhatsApp has what was wished.
    case done(whatsAppID: String?, category: String?)
    /// WhatsApp refused it, or has something else.
    case failed(code: Int?, subcode: Int?, reason: String)
    /// A request may have arrived, without an answer.
    case lost(reason: String)
    /// Nothing happened: to be repeated after a time.
    ///
    /// `isCounted` is true for a request that arrived.
    case later(Duration, reason: String?, isCounted: Bool)
}
