public import Postgres

/// The state of a run; the values of `campaign_run_status_enum`.
public enum RunStatus: String, PostgresScalar, Lifecycle {
    case launching, running, paused, completed, failed, cancelled

    public enum Event: String, LifecycleEvent {
        case launched, tokensMissing, pause, quotaExhausted, resume, cancel, complete
    }

    public var meaning: String {
        switch self {
        case .launching: "Its messages are being written, in batches; nothing is sent yet."
        case .running: "Its messages are sent as they become due. The standing run of a trigger begins here."
        case .paused:
            "It sends nothing. While `quotaUntil` is set it waits for the 24 h quota only, and messages to contacts in "
                + "their window are still sent."
        case .completed: "No message is left to send; reports of WhatsApp still change its counters."
        case .failed: "Not used today."
        case .cancelled: "It was stopped for good; its waiting messages are being cancelled, or are."
        }
    }

    public var exits: KeyValuePairs<Event, RunStatus> {
        switch self {
        case .launching: [.launched: .running, .cancel: .cancelled]
        case .running:
            [
                .tokensMissing: .paused, .pause: .paused, .quotaExhausted: .paused, .complete: .completed,
                .cancel: .cancelled,
            ]
        case .paused: [.pause: .paused, .resume: .running, .cancel: .cancelled]
        case .completed, .failed, .cancelled: [:]
        }
    }

    /// True if nothing more happens to it, apart from reports of WhatsApp.
    public var isOver: Bool { exits.isEmpty }

    /// Runs that are not over; a campaign has one of them at most, beside superseded ones.
    static let open = allCases.filter { !$0.isOver }
    /// Runs whose messages are written; a trigger's standing run is always one of these.
    static let launched: [RunStatus] = [.running, .paused]
}

extension RunStatus.Event {
    public var movers: [Mover] {
        switch self {
        case .launched, .tokensMissing: [.launcher]
        case .pause: [.command, .api, .launcher, .worker, .guards, .webhook]
        case .quotaExhausted: [.worker]
        case .resume: [.command, .api, .completer, .webhook]
        case .cancel: [.command, .api, .reconcile, .scheduler, .launcher]
        case .complete: [.completer]
        }
    }

    public var cause: String {
        switch self {
        case .launched: "all messages and chunks are written"
        case .tokensMissing: "the audience grew during the launch, and the wallet does not cover it"
        case .pause:
            "a person pauses it, every message would fail, its messages fail alike or too often, or WhatsApp stopped its "
                + "template, number or account; a run that only waits for quota stops waiting for it"
        case .quotaExhausted: "its sender has used up the 24 h quota; sets `quotaUntil`"
        case .resume:
            "a person resumes it, `quotaUntil` has passed and the sender's `onQuotaExhausted` is `wait`, or WhatsApp approved the "
                + "template again that it had paused"
        case .cancel:
            "the campaign is cancelled or deleted, the next run of a `cancelRunning` schedule begins, or the audience grew "
                + "beyond the tenant's policy during the launch"
        case .complete: "nothing is pending, queued or sending, by the counters and by a count of the rows"
        }
    }
}
