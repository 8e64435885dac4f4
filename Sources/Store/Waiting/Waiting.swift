public import Foundation

/// A cause for which a run or a lane does not send, with its beginning and end.
public struct Waiting: Hashable, Sendable {
    /// The causes, in the order in which they are told: the first that holds.
    public enum Reason: String, CaseIterable, Hashable, Sendable {
        /// Its messages are being written.
        case launching
        /// No daemon has left a heartbeat for 15 s.
        case noDaemon = "no_daemon"
        /// The daemons cannot reach Postgres or Redis.
        case storeUnreachable = "store_unreachable"
        /// The access token of the sender is not set.
        case noToken = "no_token"
        /// The circuit breaker is open: WhatsApp is down.
        case whatsappUnreachable = "whatsapp_unreachable"
        /// A person or a guard paused it.
        case paused
        /// The wallet does not cover its messages.
        case insufficientBalance = "insufficient_balance"
        /// WhatsApp stopped its template.
        case templateNotApproved = "template_not_approved"
        /// The 24 h quota is used up.
        case quota
        /// WhatsApp asked the sender for silence.
        case rateLimited = "rate_limited"
        /// The quiet hours of the tenant, or those of all contacts that are left on their own clocks.
        case quietHours = "quiet_hours"
        /// WhatsApp caps the messages of all people that are left.
        case userCap = "user_cap"
        /// The time of a schedule has not come yet on the clocks of those who are left.
        case localTime = "local_time"
        /// A file of the message is being uploaded, or has to be.
        case upload
        /// Other runs of the sender are sent first.
        case behindOthers = "behind_others"
        /// It sends, or is about to.
        case moving

        /// True if nobody knows when it ends, so that an estimate of the end only moves along with the clock.
        public var isOpenEnded: Bool {
            switch self {
            case .noDaemon, .storeUnreachable, .noToken, .whatsappUnreachable, .upload: true
            default: false
            }
        }

        /// The meaning, for people.
        public var meaning: String {
            switch self {
            case .launching: "its messages are being written"
            case .noDaemon: "no daemon runs; start one with `campaignd run`"
            case .storeUnreachable: "the daemons cannot reach Postgres or Redis"
            case .noToken: "the access token of the sender is not set"
            case .whatsappUnreachable: "WhatsApp cannot be reached"
            case .paused: "it is paused"
            case .insufficientBalance: "the wallet has too few tokens"
            case .templateNotApproved: "WhatsApp stopped its template"
            case .quota: "the 24 hour quota is used up"
            case .rateLimited: "WhatsApp asked the sender to send less"
            case .quietHours: "quiet hours of the tenant"
            case .userCap: "WhatsApp limits the messages of those who are left; they are tried again then"
            case .localTime: "the time has not come yet on the clocks of those who are left"
            case .upload: "a file of the message is being uploaded, or its upload is tried again soon"
            case .behindOthers: "other runs of the sender are sent first"
            case .moving: "it is being sent"
            }
        }
    }

    public let reason: Reason
    public let since: Date
    /// The time at which it ends by itself; `nil` if that is unknown.
    public let until: Date?
    /// The person or guard that stopped it.
    public let actor: RunActor?
    /// More about the cause, for people: why it was paused, which variable is not set.
    public let detail: String?

    public init(
        _ reason: Reason,
        since: Date,
        until: Date? = nil,
        by actor: RunActor? = nil,
        detail: String? = nil
    ) {
        (self.reason, self.since, self.until, self.actor, self.detail) = (reason, since, until, actor, detail)
    }

    /// True if nothing keeps it from sending.
    public var isMoving: Bool { reason == .moving }

    /// `quiet_hours since 2026-11-28T21:00:00Z until 2026-11-29T08:00:00Z: quiet hours of the tenant`.
    public var words: String {
        let who = reason == .paused ? actor.map { " by \($0.words)" } ?? "" : ""
        let end = until.map { " until \($0.formatted(.iso8601))" } ?? ""
        let why = detail.map { actor?.shortened($0) ?? $0 } ?? reason.meaning
        return "\(reason.rawValue)\(who) since \(since.formatted(.iso8601))\(end): \(why)"
    }
}

/// All that decides why a run or a lane does not send.
public struct WaitingFacts: Hashable, Sendable {
    /// Time without a heartbeat after which no daemon counts as running, in seconds.
    public static let heartbeatLimit = 15.0

    /// A pause of a run.
    public struct Pause: Hashable, Sendable {
        public let since: Date?
        public let actor: RunActor?
        public let reason: String?
        /// True if it ends by itself when WhatsApp approves the template.
        public let isHold: Bool

        public init(since: Date?, actor: RunActor?, reason: String?, isHold: Bool = false) {
            (self.since, self.actor, self.reason, self.isHold) = (since, actor, reason, isHold)
        }
    }

    public var now: Date
    /// The time at which the run was opened or last resumed.
    public var since: Date
    public var isLaunching = false
    /// The last heartbeat of any daemon.
    public var lastHeartbeat: Date?
    /// The causes that keep the lane from sending, for each daemon that runs: a lane is stopped if all of them have one.
    public var reports: [[Waiting]] = []
    /// `nil` unless the run is paused; a run that only waits for the quota is not.
    public var pause: Pause?
    /// The time at which some of the quota returns.
    public var quotaUntil: Date?
    /// True if the run resumes by itself when quota returns.
    public var resumesByItself = false
    public var rateLimitedUntil: Date?
    /// The time at which WhatsApp reported that the template of a paused run can be sent.
    public var templateApprovedAt: Date?
    public var quietSince: Date?
    public var quietUntil: Date?
    /// The time at which quiet hours end for the first of all contacts that are left, if they follow the clocks of contacts.
    public var contactQuietUntil: Date?
    /// The time at which the first message is tried again, if WhatsApp caps the people of all that are left.
    public var cappedUntil: Date?
    /// The time at which the next zone has its turn, if the time of a schedule has not come yet for all that are left.
    public var localTimeUntil: Date?
    /// True if a file of the message has no id yet, and a daemon uploads it or is to try again.
    public var awaitsFile = false
    /// The time at which its turn comes, if the messages of other runs go first.
    public var turnAt: Date?

    public init(now: Date, since: Date) {
        (self.now, self.since) = (now, since)
    }
}

extension Waiting {
    /// Decides why a run or a lane does not send: the first cause that holds.
    public init(_ facts: WaitingFacts) {
        self =
            Reason.allCases.lazy.compactMap { facts.cause($0) }.first ?? Waiting(.moving, since: facts.since)
    }
}

extension WaitingFacts {
    /// Returns the cause, if it holds.
    fileprivate func cause(_ reason: Waiting.Reason) -> Waiting? {
        switch reason {
        case .launching: launching
        case .noDaemon: noDaemon
        case .storeUnreachable, .noToken, .whatsappUnreachable: reported(reason)
        case .paused: paused ?? quotaThatHasReturned ?? templateThatHasReturned
        case .insufficientBalance: stopped(by: .balance, reason)
        case .templateNotApproved: templateStopped
        case .quota: quota
        case .rateLimited: rateLimited
        case .quietHours: quiet
        case .userCap: cappedUntil.map { Waiting(reason, since: since, until: $0) }
        case .localTime: localTimeUntil.map { Waiting(reason, since: since, until: $0) }
        case .upload: awaitsFile ? Waiting(reason, since: since) : nil
        case .behindOthers: turnAt.map { Waiting(reason, since: since, until: $0) }
        case .moving: Waiting(reason, since: since)
        }
    }

    /// A command writes the messages itself; a launch over the API needs a daemon.
    private var launching: Waiting? {
        guard isLaunching else { return nil }
        let detail = noDaemon == nil ? nil : "its messages are being written; \(Waiting.Reason.noDaemon.meaning)"
        return Waiting(.launching, since: since, detail: detail)
    }

    private var noDaemon: Waiting? {
        if let lastHeartbeat, now.timeIntervalSince(lastHeartbeat) <= Self.heartbeatLimit { return nil }
        return Waiting(.noDaemon, since: max(lastHeartbeat ?? since, since))
    }

    private func reported(_ reason: Waiting.Reason) -> Waiting? {
        guard !reports.isEmpty, reports.allSatisfy({ !$0.isEmpty }) else { return nil }
        return reports.joined().filter { $0.reason == reason }.min { $0.since < $1.since }
    }

    /// A pause by a person, or by a guard that no other reason names.
    private var paused: Waiting? {
        guard let pause, pause.actor != .balance, pause.actor != .template else { return nil }
        return Waiting(.paused, since: pause.since ?? since, by: pause.actor, detail: pause.reason)
    }

    private func stopped(by actor: RunActor, _ reason: Waiting.Reason) -> Waiting? {
        guard let pause, pause.actor == actor else { return nil }
        return Waiting(reason, since: pause.since ?? since, by: actor, detail: pause.reason)
    }

    /// Says whether a person has to do something once WhatsApp has approved the template.
    private var templateStopped: Waiting? {
        guard let stop = stopped(by: .template, .templateNotApproved) else { return nil }
        let next =
            pause?.isHold == true
            ? "goes on by itself when WhatsApp approves the template"
            : "does not go on by itself; when WhatsApp has approved the template, go on with `campaignd resume`"
        return Waiting(
            stop.reason,
            since: stop.since,
            by: stop.actor,
            detail: "\(stop.detail ?? stop.reason.meaning); it \(next)"
        )
    }

    private var quiet: Waiting? {
        if let quietUntil { return Waiting(.quietHours, since: max(quietSince ?? since, since), until: quietUntil) }
        let detail = "quiet hours on the clocks of those who are left"
        return contactQuietUntil.map { Waiting(.quietHours, since: since, until: $0, detail: detail) }
    }

    private var quotaThatHasReturned: Waiting? {
        guard let quotaUntil, quotaUntil <= now, !resumesByItself else { return nil }
        let detail = "the 24 hour quota has returned; go on with `campaignd resume`"
        return Waiting(.paused, since: pause?.since ?? since, by: .quota, detail: detail)
    }

    private var templateThatHasReturned: Waiting? {
        guard let pause, pause.actor == .template, !pause.isHold, let templateApprovedAt,
            templateApprovedAt > pause.since ?? since
        else {
            return nil
        }
        let detail = "WhatsApp approved the template again; go on with `campaignd resume`"
        return Waiting(.paused, since: pause.since ?? since, by: .template, detail: detail)
    }

    private var quota: Waiting? {
        quotaUntil.map { until in
            let then = resumesByItself ? "goes on by itself" : "go on with `campaignd resume`"
            let detail = "\(Waiting.Reason.quota.meaning); when some of it returns: \(then)"
            return Waiting(.quota, since: since, until: until, detail: detail)
        }
    }

    private var rateLimited: Waiting? {
        if let told = reported(.rateLimited) { return told }
        guard let rateLimitedUntil, rateLimitedUntil > now else { return nil }
        // Such pauses last a minute, unless WhatsApp asked for more.
        let begin = min(now, rateLimitedUntil.addingTimeInterval(-60))
        return Waiting(.rateLimited, since: begin, until: rateLimitedUntil)
    }
}
