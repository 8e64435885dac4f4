public import Foundation

/// The scope of an error: the thing that a remedy has to look at.
public enum ErrorScope: String, CaseIterable, Sendable {
    /// The text of this message.
    case message
    /// This recipient.
    case recipient
    /// The template or the parameters of the campaign.
    case campaign
    /// The number, its token or rate, or the way to the provider.
    case sender
    /// The account of the number.
    case account
    /// The provider does not say.
    case unknown
}

/// The outcome of a message that a lease held.
public struct MessageOutcome: Hashable, Sendable {
    public enum Result: Hashable, Sendable {
        /// WhatsApp accepted it under this id.
        case sent(waMessageID: String)
        /// An attempt failed; another is due after the delay.
        case retry(after: Duration, Failure)
        /// It will not be tried again.
        case failed(Failure)
        /// The request may have been written, and no answer came.
        case unconfirmed(Failure)
        /// It was not sent and returns to the lane `after` a delay; no attempt is counted.
        case released(after: Duration)
        /// It was not sent because its campaign stopped: it waits for the campaign.
        case withdrawn
    }

    /// The reason of a failure, for people.
    public struct Failure: Hashable, Sendable {
        /// The code of WhatsApp, or one of ours in words (`window_closed`).
        public let code: String
        public let message: String
        /// `nil` when no answer came.
        public let httpStatus: Int?
        public let scope: ErrorScope
        public let consequence: Consequence

        /// Makes a failure; by default one that concerns its message alone.
        public init(
            code: String,
            message: String,
            httpStatus: Int? = nil,
            scope: ErrorScope = .message,
            consequence: Consequence = .none
        ) {
            // Texts of other systems must not prevent the outcome from being stored: a column holds no U+0000.
            self.code = code.utf8.count > 50 ? String(code.prefix(50)) : code
            self.message = message.utf8.contains(0) ? message.replacing("\0", with: "") : message
            self.httpStatus = httpStatus
            self.scope = scope
            self.consequence = consequence
        }
    }

    /// The effect of a failure beyond its message.
    public enum Consequence: Hashable, Sendable {
        case none
        /// The run is paused if many of its messages fail with the same code in a row; see ``AlikeRefusals``.
        case counted
        /// The run is paused: all its messages would fail.
        case pausesRun
        /// The run is paused until the provider approves its template again: all its messages would fail.
        case holdsRun
        /// The contact has withdrawn consent.
        case optOut
        /// WhatsApp caps the messages of the person: the message waits and is tried again, if its campaign says so.
        case userCap
    }

    public let messageID: UUID
    /// The lease under which it was sent.
    public let lease: Int64
    public let result: Result
    /// The status that WhatsApp gave the message when it accepted it, such as `held_for_quality_assessment`; `nil` if it
    /// only accepted it.
    public let messageStatus: String?

    public init(messageID: UUID, lease: Int64, result: Result, messageStatus: String? = nil) {
        self.messageID = messageID
        self.lease = lease
        self.result = result
        self.messageStatus = messageStatus
    }
}

extension MessageOutcome {
    var status: MessageStatus {
        switch result {
        case .sent: .sent
        case .retry, .released: .queued
        case .failed: .failed
        case .unconfirmed: .unconfirmed
        case .withdrawn: .pending
        }
    }

    /// True if an answer came: only then an attempt is counted.
    var countsAsAttempt: Bool {
        switch result {
        case .sent, .retry, .failed: true
        case .unconfirmed, .released, .withdrawn: false
        }
    }

    var waMessageID: String? {
        if case .sent(let id) = result { id } else { nil }
    }

    /// True if the failure is final and counts as one of many alike.
    var isCountedAlike: Bool {
        if case .failed(let failure) = result { failure.consequence == .counted } else { false }
    }

    /// True if the message waits and is tried again, if its campaign says so.
    var isCapped: Bool {
        if case .failed(let failure) = result { failure.consequence == .userCap } else { false }
    }

    public var failure: Failure? {
        switch result {
        case .retry(_, let failure), .failed(let failure), .unconfirmed(let failure): failure
        case .sent, .released, .withdrawn: nil
        }
    }

    /// The time until the next attempt; `nil` if none is due later.
    public var delay: Duration? {
        switch result {
        case .retry(let delay, _), .released(let delay): delay > .zero ? delay : nil
        case .sent, .failed, .unconfirmed, .withdrawn: nil
        }
    }
}
