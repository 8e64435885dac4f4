public import Postgres

/// The state of a message; the values of `campaign_message_status_enum`.
///
/// Statements about messages move many rows at once, each to a state of its own, so they are written by hand and name
/// the states by these cases.
public enum MessageStatus: String, PostgresScalar, Lifecycle {
    case pending, queued, sending, sent, delivered, read, failed, cancelled, unconfirmed

    public enum Event: String, LifecycleEvent {
        case feed, claim, postpone, hold, refuse, windowClosed, quotaExhausted, cancel, accept, retry, release, withdraw
        case fail, lose, requeue, park, setAside, report, retryUnconfirmed, settle, cap
    }

    public var meaning: String {
        switch self {
        case .pending:
            "Written, and not in a lane: its chunk is not due, its run is paused, it is quiet on the clock of its contact, or "
                + "WhatsApp caps its recipient."
        case .queued: "Its id is in the lane of its sender, or about to be."
        case .sending: "A lease holds it; the request may have been written."
        case .sent: "WhatsApp accepted it."
        case .delivered: "WhatsApp delivered it to the phone."
        case .read: "The contact read it."
        case .failed: "It is not tried again; `errorCode` says why."
        case .cancelled: "It was not sent, and will not be."
        case .unconfirmed: "The answer was lost: WhatsApp may or may not have accepted it."
        }
    }

    public var exits: KeyValuePairs<Event, MessageStatus> {
        switch self {
        case .pending:
            [
                .feed: .queued, .cancel: .cancelled,
                .report: .sent, .report: .delivered, .report: .read, .report: .failed,
            ]
        case .queued:
            [
                .claim: .sending, .postpone: .queued, .hold: .pending, .quotaExhausted: .pending, .refuse: .cancelled,
                .windowClosed: .failed, .setAside: .failed, .cancel: .cancelled,
                .report: .sent, .report: .delivered, .report: .read, .report: .failed,
            ]
        case .sending:
            [
                .accept: .sent, .retry: .queued, .release: .queued, .withdraw: .pending, .fail: .failed,
                .lose: .unconfirmed, .requeue: .queued, .park: .failed, .cap: .pending,
                .report: .sent, .report: .delivered, .report: .read, .report: .failed,
            ]
        case .unconfirmed:
            [
                .accept: .sent, .retry: .queued, .release: .queued, .withdraw: .pending, .fail: .failed,
                .retryUnconfirmed: .pending, .settle: .pending, .settle: .sent, .settle: .failed, .cap: .pending,
                .report: .sent, .report: .delivered, .report: .read, .report: .failed,
            ]
        case .sent: [.cap: .pending, .report: .delivered, .report: .read, .report: .failed]
        case .delivered: [.report: .read]
        case .read: [:]
        case .failed: [.report: .delivered, .report: .read]
        case .cancelled: [.report: .sent, .report: .delivered, .report: .read, .report: .failed]
        }
    }

    /// Messages that wait for their turn.
    static let waiting: [MessageStatus] = [.pending, .queued]
    /// Messages whose outcome is not known yet.
    static let unsettled: [MessageStatus] = [.pending, .queued, .sending, .unconfirmed]
    /// Messages whose answer is outstanding or was lost: only these take the outcome of an attempt.
    static let unanswered: [MessageStatus] = [.sending, .unconfirmed]
    /// Messages that WhatsApp accepted.
    static let accepted: [MessageStatus] = [.sent, .delivered, .read]
}

extension MessageStatus.Event {
    public var movers: [Mover] {
        switch self {
        case .feed: [.feeder]
        case .claim, .postpone, .hold, .refuse, .windowClosed, .setAside, .quotaExhausted: [.worker]
        case .cancel: [.canceller]
        case .accept, .retry, .release, .withdraw, .fail: [.outcomes]
        case .lose: [.outcomes, .reaper]
        case .cap: [.outcomes, .webhook]
        case .requeue, .park: [.reaper]
        case .report: [.webhook]
        case .retryUnconfirmed: [.retries]
        case .settle: [.command]
        }
    }

    public var cause: String {
        switch self {
        case .feed: "its chunk is claimed by the feeder"
        case .claim: "a lease claims it: its run is running, and its contact may be written to"
        case .postpone:
            "quiet hours of the tenant, the frequency cap, or no quota taken for it: it goes back to the lane"
        case .hold: "its run is paused, or it is quiet on the clock of its contact"
        case .refuse: "its run is over, the contact opted out or is deactivated, or a rule of the tenant skips it"
        case .windowClosed: "free text, and the 24 h window has closed"
        case .quotaExhausted: "the 24 h quota is used up"
        case .cancel: "its run was cancelled, or its contact erased"
        case .accept: "WhatsApp answered with an id"
        case .retry: "an attempt failed, and another one follows after a backoff"
        case .release: "it was not sent and no attempt is counted: a rate limit, a missed slot, a shutdown"
        case .withdraw: "its run was paused before the request was written"
        case .fail: "an attempt failed, and no other one follows"
        case .lose: "the request may have been written, and no answer came"
        case .requeue: "its lease expired before a request was written"
        case .park: "daemons crashed repeatedly while they prepared it (`poison`)"
        case .setAside: "Postgres refuses to claim it, and claims others beside it (`unclaimable`)"
        case .report: "WhatsApp reports it; a report with our id is believed in any state"
        case .cap: "WhatsApp caps the messages of the person (131049), and `onUserCap` has it tried again"
        case .retryUnconfirmed: "no report came in time, and the sender's `unconfirmedPolicy` is `retry`"
        case .settle: "a person decides, after at least 15 minutes: sent, failed, or to be sent again"
        }
    }
}
