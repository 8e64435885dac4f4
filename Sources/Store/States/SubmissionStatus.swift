import Postgres

/// The state of a wish to change a template at WhatsApp; the values of `template_submissions.status`.
public enum SubmissionStatus: String, Lifecycle {
    case wanted, sending, unsettled, done, failed, superseded

    public enum Event: String, LifecycleEvent {
        case mark, accept, lose, takeOver, release, settle, refuse, again, supersede, submit
    }

    public var meaning: String {
        switch self {
        case .wanted: "It is to be sent, from `dueAt` on."
        case .sending: "A request may be on its way: this is committed before it is written."
        case .unsettled: "The answer was lost. What WhatsApp has is read, and decides."
        case .done: "WhatsApp has what was wished; its review is a state of the template, not of the wish."
        case .failed: "WhatsApp refused it, or has something else. It is not sent again by itself."
        case .superseded: "A later plan wished something else, or took it back, before it was sent."
        }
    }

    public var exits: KeyValuePairs<Event, SubmissionStatus> {
        switch self {
        case .wanted: [.mark: .sending, .settle: .done, .refuse: .failed, .supersede: .superseded]
        case .sending:
            [
                .accept: .done, .refuse: .failed, .lose: .unsettled, .takeOver: .unsettled, .release: .wanted,
                .release: .superseded,
            ]
        case .unsettled: [.settle: .done, .refuse: .failed, .again: .wanted, .again: .superseded]
        case .failed: [.submit: .wanted]
        case .done, .superseded: [:]
        }
    }

    /// The states of wishes that are not over.
    static let open: [SubmissionStatus] = [.wanted, .sending, .unsettled]

    /// True if something is still to happen.
    public var isOpen: Bool { Self.open.contains(self) }
}

extension SubmissionStatus.Event {
    public var movers: [Mover] {
        switch self {
        case .mark, .accept, .lose, .takeOver, .release, .settle, .refuse, .again: [.submitter]
        case .supersede: [.reconcile]
        case .submit: [.command]
        }
    }

    public var cause: String {
        switch self {
        case .mark: "it is within the limits of WhatsApp, and the request is about to be written"
        case .accept: "WhatsApp accepted the request"
        case .lose: "the request may have arrived, and no answer came"
        case .takeOver: "the lease expired: the daemon that sent it did not finish"
        case .release:
            "the request did not arrive, or is to be repeated later; superseded if a later wish waits, or it was taken back"
        case .settle: "WhatsApp has what was wished"
        case .refuse: "WhatsApp refused it, or has something else under the name"
        case .again:
            "WhatsApp does not have it, a minute after the request; superseded if a later wish waits, or it was taken back"
        case .supersede: "a later plan wishes something else, or takes it back"
        case .submit: "a person asks for another try (`campaignd templates submit`)"
        }
    }
}

extension SubmissionStatus: StoredLifecycle {
    static let table: PostgresQuery = "template_submissions s"
    static let alias = "s"
    static let stamps: [PostgresQuery] = []
}

extension PostgresQuery.StringInterpolation {
    /// Appends the state of a submission as SQL text.
    mutating func appendInterpolation(submission status: SubmissionStatus) {
        appendInterpolation(fragment: status.literal)
    }
}
