package import Foundation
package import JSON
import Settings
package import Spec
package import Store

/// A way to reach people, such as WhatsApp: the only place that knows a provider's payloads, addresses, error codes and
/// webhooks.
///
/// Delivery works with channels through this protocol alone. Another channel is another folder beside
/// `Channels/WhatsApp`, and one line where the daemon is composed.
package protocol MessageChannel: Sendable {
    /// The channel's name in log lines.
    var name: String { get }

    /// Prepares a campaign's message for many recipients; called once per revision.
    ///
    /// - Parameter message: The message as a revision stores it, without a recipient.
    /// - Returns: The payload, with its placeholders.
    /// - Throws: An error that says why no message can be made of it.
    func payload(of message: JSONValue) throws -> any ChannelPayload

    /// Expected wait for a connection if a request came now.
    var expectedWait: Duration { get }

    /// Announces requests that follow soon, so that connections are open in time.
    func prepare(for requests: Int)

    /// Sends one request, once, and waits for its answer; never longer than the channel's own timeout.
    ///
    /// The channel must not repeat a request: the provider has no idempotency key, so the caller decides by what is known
    /// about the first one.
    ///
    /// - Returns: The answer; `nil` when the request was not written, because its slot had expired before it could be.
    func send(_ request: OutboundRequest) async -> SendAnswer?

    /// Classifies a failure that was stored with a report, by its code and text.
    static func failure(code: String, message: String) -> MessageOutcome.Failure

    /// Reads the body of a webhook whose signature was verified.
    ///
    /// - Throws: An error when the body cannot be read at all.
    static func reports(in body: some Collection<UInt8>, receivedAt now: Date) throws -> ChannelReports
}

/// A message prepared for many recipients.
package protocol ChannelPayload: Sendable {
    /// The digests of the files that the sender has to upload first; empty for most messages.
    ///
    /// Of a message in several languages, those of all.
    var files: Set<String> { get }

    /// Returns the digests of the files of one message: those of the language of its recipient.
    ///
    /// - Parameter value: Returns the value of a placeholder; `nil` if there is none.
    /// - Returns: The digests.
    func files(of value: (TextTemplate.Path) -> String?) -> Set<String>

    /// Renders the body of one request.
    ///
    /// - Parameters:
    ///   - recipient: The recipient's number as the contact has it, or its user id if only that is known.
    ///   - messageID: Comes back in the provider's statuses, and finds the message without the provider's id.
    ///   - templateText: The treatment of texts that the provider refuses.
    ///   - mediaIDs: The ids of the uploaded files, by their digests.
    ///   - value: Returns the value of a placeholder; `nil` if there is none.
    /// - Returns: The bytes of the body.
    /// - Throws: `TextTemplate.MissingValue` when a placeholder has neither a value nor a default, ``UnsendableText`` when
    ///   the provider would refuse a text.
    func body(
        recipient: String,
        messageID: UUID,
        templateText: TemplateText,
        mediaIDs: [String: String],
        value: (TextTemplate.Path) -> String?
    ) throws -> [UInt8]
}

/// One request to the provider, rendered and ready.
package struct OutboundRequest: Sendable {
    /// Time an answer may take by default; a request without one by then may have been accepted.
    package static let defaultTimeout = Duration.seconds(30)

    /// The sender's id at the provider, such as WhatsApp's phone number id.
    let sender: String
    let token: AccessToken
    let body: [UInt8]
    /// The end of its slot; the request is not written after it.
    let writeBy: ContinuousClock.Instant
}

/// The answer to one request.
package enum SendAnswer: Hashable, Sendable {
    /// The provider accepted the message, which is not yet its delivery.
    ///
    /// A status says that it is held back, to assess the quality of its template for example.
    /// Ids say by what WhatsApp knows the recipient, if that is not what the message was sent to.
    case accepted(waMessageID: String, messageStatus: String? = nil, recipient: RecipientIDs? = nil)
    case refused(Refusal)
    /// The request was not written, because there was no connection.
    case notWritten(String)
    /// The request may have been written, and no usable answer came.
    case lost(String)

    /// The ids that the provider has for a recipient.
    package struct RecipientIDs: Hashable, Sendable {
        let waID: String?
        let userID: String?
    }

    /// An error of the provider.
    package struct Refusal: Hashable, Sendable {
        let errorClass: ErrorClass
        let scope: ErrorScope
        /// The setting to look at, for errors that point at one.
        let hint: String?
        let httpStatus: Int
        /// The provider's error code; `nil` when a gateway answered for it.
        let code: Int?
        let message: String
        /// The wait that the provider asks for.
        let retryAfter: Duration?
    }
}

/// The kinds of errors that delivery distinguishes, independent of the provider's names.
enum ErrorClass: Hashable, Sendable {
    /// The number, the account or the app sends too fast.
    case rateLimit
    /// Too many messages to one recipient.
    case pairRateLimit
    /// The provider has a problem that passes.
    case retryable
    /// This recipient cannot get this message.
    case permanent
    /// Token, account, number, template or the way to the provider: every recipient would fail.
    case systemic
    /// This recipient wants no more messages of this kind.
    case optOut
    /// The provider limits how many messages this recipient gets: another time may do.
    case userCap
    /// A gateway answered for the provider: the request may have been accepted.
    case ambiguous
}

/// Everything that one webhook reports.
package struct ChannelReports: Sendable {
    package var statuses: [DeliveryStatus] = []
    /// The ids that statuses name for the contacts of our messages.
    package var learnedIDs: [LearnedIDs] = []
    package var inbound = InboundReport()
    /// The numbers and accounts that the webhook is about, those of changes that nothing is read of included.
    package var sources: Set<WebhookSource> = []
    /// Lines for the log.
    package var notices: [WebhookNotice] = []
    /// The changes by type.
    package var events: [WebhookEvent] = []

    package init(
        statuses: [DeliveryStatus] = [],
        learnedIDs: [LearnedIDs] = [],
        inbound: InboundReport = InboundReport(),
        sources: Set<WebhookSource> = [],
        notices: [WebhookNotice] = [],
        events: [WebhookEvent] = []
    ) {
        (self.statuses, self.learnedIDs, self.inbound) = (statuses, learnedIDs, inbound)
        (self.sources, self.notices, self.events) = (sources, notices, events)
    }

    var isEmpty: Bool {
        statuses.isEmpty && learnedIDs.isEmpty && inbound.isEmpty && notices.isEmpty && events.isEmpty
    }
    /// Statuses and inbound messages.
    var count: Int { statuses.count + inbound.messages.count }

    /// Appends later reports.
    mutating func append(_ other: ChannelReports) {
        statuses += other.statuses
        learnedIDs += other.learnedIDs
        inbound.append(other.inbound)
        notices += other.notices
        events += other.events
    }

    /// The same reports, each on its own.
    var parts: [ChannelReports] {
        func part(_ change: (inout InboundReport) -> Void) -> ChannelReports {
            var report = InboundReport()
            change(&report)
            return ChannelReports(inbound: report)
        }
        return inbound.numbers.map { number in part { $0.numbers = [number] } }
            + inbound.messages.map { message in part { $0.messages = [message] } }
            + inbound.preferences.map { preference in part { $0.preferences = [preference] } }
            + inbound.moves.map { move in part { $0.moves = [move] } }
            + inbound.stops.map { stop in part { $0.stops = [stop] } }
            + learnedIDs.map { ChannelReports(learnedIDs: [$0]) }
            + inbound.facts.map { fact in part { $0.facts = [fact] } }
            + (notices.isEmpty && events.isEmpty ? [] : [ChannelReports(notices: notices, events: events)])
            + statuses.map { ChannelReports(statuses: [$0]) }
    }
}

extension MessageOutcome.Failure {
    /// Makes a failure of an error of the provider.
    init(code: String, message: String, httpStatus: Int? = nil, scope: ErrorScope, errorClass: ErrorClass) {
        let consequence: MessageOutcome.Consequence =
            switch errorClass {
            case .systemic: code == WhatsAppError.templatePaused ? .holdsRun : .pausesRun
            case .optOut: .optOut
            case .userCap: .userCap
            case .permanent, .retryable: scope == .campaign || scope == .unknown ? .counted : .none
            // An answer pauses the lane; a report comes too late for that.
            case .rateLimit: .counted
            case .pairRateLimit, .ambiguous: .none
            }
        self.init(code: code, message: message, httpStatus: httpStatus, scope: scope, consequence: consequence)
    }
}
