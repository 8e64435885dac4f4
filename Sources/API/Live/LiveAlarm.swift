import Foundation
import JSON
import Store

/// Something that a person should look at, of those in `docs/operations.md` that a daemon can tell from the state it reads.
struct LiveAlarm: Hashable, Sendable {
    enum Severity: String, CaseIterable, Sendable {
        case critical, warning
    }

    /// The facts of one tenant.
    struct Situation {
        let tenant: String
        let reading: LiveReading
        let runs: [LiveRun]
        /// The senders with why they wait and their messages per second.
        let senders: [(sender: SenderOverview, waiting: Waiting, rate: Double)]
    }

    /// Time for which a sender must wait until the alarm is critical, in seconds.
    static let longestWait = 300.0
    /// Age of the oldest ready message at which a queue counts as stalled, in seconds.
    static let longestQueue = 600.0
    /// Time for which a daemon that did not stop must be gone until there is an alarm, in seconds.
    static let longestAbsence = 120.0
    /// Rate limits of a sender within 15 minutes from which there is an alarm.
    static let mostThrottles = 3
    /// Share of the attempts of ten minutes that may fail.
    static let largestFailedShare = 0.05
    /// Number of messages without an answer from which there is an alarm.
    static let mostUnconfirmed = 100

    /// A name for programs, with the thing it is about after a colon: `run_stopped:spring-offer`.
    let code: String
    let severity: Severity
    let title: String
    let detail: String
    var since: Date?

    init(code: String, severity: Severity, title: String, detail: String, since: Date? = nil) {
        (self.code, self.severity, self.title, self.detail, self.since) = (code, severity, title, detail, since)
    }

    init(_ code: String, _ severity: Severity, _ title: String, _ detail: String, since: Date? = nil) {
        self.init(code: code, severity: severity, title: title, detail: detail, since: since)
    }

    var json: JSONValue {
        .fields([
            "code": .string(code), "severity": .string(severity.rawValue), "title": .string(title),
            "detail": .string(detail), "since": since.map { .string($0.apiText) },
        ])
    }

    /// Evaluates all alarms.
    static func all(in situation: Situation) -> [LiveAlarm] {
        redis(situation) + daemons(situation) + senders(situation) + runs(situation) + failures(situation)
            + unconfirmed(situation) + specs(situation) + troubles(situation) + situation.reading.ofDaemon
    }

    /// Makes the alarm for a state that is old because Postgres cannot be read.
    static func postgres(since: Date) -> LiveAlarm {
        LiveAlarm(
            code: "postgres_down",
            severity: .critical,
            title: "Postgres cannot be read",
            detail: "The numbers shown are the last that were read. Bring it back; the daemons need no restart.",
            since: since
        )
    }

    private static func redis(_ situation: Situation) -> [LiveAlarm] {
        guard situation.reading.lanes == nil else { return [] }
        let detail = "Queues are not shown, and nothing is sent. Bring it back; the daemons need no restart."
        return [LiveAlarm(code: "redis_down", severity: .critical, title: "Redis does not answer", detail: detail)]
    }

    /// Tells of daemons that are gone without having been stopped.
    private static func daemons(_ situation: Situation) -> [LiveAlarm] {
        situation.reading.daemons.filter { daemon in
            daemon.stoppedAt == nil && situation.reading.at.timeIntervalSince(daemon.lastSeen) > longestAbsence
        }
        .map { daemon in
            LiveAlarm(
                code: "daemon_gone:\(daemon.id.apiText)",
                severity: .warning,
                title: "A daemon is gone",
                detail: "It was not stopped. `journalctl -u campaignd` says why; the other daemons continue.",
                since: daemon.lastSeen
            )
        }
    }

    private static func failures(_ situation: Situation) -> [LiveAlarm] {
        let minutes = situation.runs.flatMap { situation.reading.minutes[$0.run.id] ?? [] }
        let (accepted, failed) = minutes.reduce((0, 0)) { ($0.0 + max(0, $1.accepted), $0.1 + max(0, $1.failed)) }
        guard Double(failed) > largestFailedShare * Double(accepted + failed) else { return [] }
        let detail = "\(failed) of \(accepted + failed) in ten minutes. `campaignd errors CAMPAIGN` counts the reasons."
        return [LiveAlarm(code: "failures", severity: .warning, title: "Messages fail", detail: detail)]
    }

    private static func senders(_ situation: Situation) -> [LiveAlarm] {
        situation.senders.flatMap { sender, waiting, rate -> [LiveAlarm] in
            var alarms: [LiveAlarm] = []
            let now = situation.reading.at
            if waiting.reason.isOpenEnded, sender.openRuns > 0 {
                let isLong = now.timeIntervalSince(waiting.since) >= longestWait
                alarms.append(
                    LiveAlarm(
                        code: "sender_waits:\(sender.name)",
                        severity: isLong ? .critical : .warning,
                        title: "Sender \(sender.name) waits",
                        detail: waiting.detail ?? waiting.reason.meaning,
                        since: waiting.since
                    )
                )
            }
            let throttles = situation.reading.throttles[sender.id] ?? 0
            if throttles > mostThrottles {
                alarms.append(
                    LiveAlarm(
                        code: "rate_limits:\(sender.name)",
                        severity: .warning,
                        title: "WhatsApp limits the rate of \(sender.name)",
                        detail: "\(throttles) times in 15 minutes. Lower its `ratePerSecond`; check its quality rating."
                    )
                )
            }
            if let restriction = sender.restriction {
                alarms.append(
                    LiveAlarm(
                        code: "sender_restricted:\(sender.name)",
                        severity: .critical,
                        title: "WhatsApp restricts the account of \(sender.name)",
                        detail: "\(restriction); see WhatsApp Manager"
                    )
                )
            }
            if let oldest = situation.reading.oldest[sender.id], waiting.isMoving, rate == 0,
                now.timeIntervalSince(oldest) > longestQueue
            {
                alarms.append(
                    LiveAlarm(
                        code: "queue_stalled:\(sender.name)",
                        severity: .critical,
                        title: "The queue of \(sender.name) does not move",
                        detail: "Its first message has been due for more than ten minutes, and nothing is sent.",
                        since: oldest
                    )
                )
            }
            return alarms
        }
    }

    private static func runs(_ situation: Situation) -> [LiveAlarm] {
        situation.runs.flatMap { live -> [LiveAlarm] in
            let run = live.run
            var alarms: [LiveAlarm] = []
            if let waiting = situation.reading.outlooks[run.id]?.waiting, let actor = waiting.actor,
                actor.description.hasPrefix("guard:")
            {
                alarms.append(
                    LiveAlarm(
                        code: "run_stopped:\(run.campaignName)",
                        severity: .critical,
                        title: "A guard stopped \(run.campaignName)",
                        detail: waiting.detail ?? waiting.reason.meaning,
                        since: waiting.since
                    )
                )
            }
            if run.held > 0, !run.status.isOver {
                alarms.append(
                    LiveAlarm(
                        code: "messages_held:\(run.campaignName)",
                        severity: .warning,
                        title: "WhatsApp holds back messages of \(run.campaignName)",
                        detail: "\(run.held) messages wait while it assesses their template; see WhatsApp Manager."
                    )
                )
            }
            return alarms
        }
    }

    private static func unconfirmed(_ situation: Situation) -> [LiveAlarm] {
        let count = situation.reading.unconfirmed[situation.tenant] ?? 0
        guard count > mostUnconfirmed else { return [] }
        let detail = "\(count) messages have had no answer. Check that webhooks arrive: they settle such messages."
        return [LiveAlarm(code: "answers_lost", severity: .warning, title: "Answers are lost", detail: detail)]
    }

    private static func troubles(_ situation: Situation) -> [LiveAlarm] {
        situation.reading.troubles.filter { $0.tenantID == situation.tenant }.map { trouble in
            let cause = trouble.cause.map { "\($0). " } ?? ""
            switch trouble.kind {
            case .startFailed:
                return LiveAlarm(
                    "start_failed:\(trouble.name)",
                    .critical,
                    "A start of \(trouble.name) failed",
                    cause + "The calendar lists all starts.",
                    since: trouble.since
                )
            case .startLate:
                let detail = "Postgres is slow, or no daemon was running at its time."
                return LiveAlarm(
                    "start_late:\(trouble.name)",
                    .warning,
                    "\(trouble.name) started late",
                    detail,
                    since: trouble.since
                )
            case .notification:
                return LiveAlarm(
                    "notification_fails:\(trouble.name)",
                    .warning,
                    "Notifications (\(trouble.name)) are not delivered",
                    cause + "Correct `notify.url`, or mend the receiver; it is tried again.",
                    since: trouble.since
                )
            case .forward:
                return LiveAlarm(
                    "forward_fails",
                    .warning,
                    "Webhooks are not passed on",
                    cause + "Correct `webhook.forward`, or mend the receiver; it is tried again.",
                    since: trouble.since
                )
            }
        }
    }

    /// Says only that it failed: the reason may name files of other tenants.
    private static func specs(_ situation: Situation) -> [LiveAlarm] {
        guard let specs = situation.reading.specs, specs.reason != nil else { return [] }
        return [
            LiveAlarm(
                code: "specs_not_applied",
                severity: .warning,
                title: "The specs are not applied",
                detail: "The last attempt changed nothing; `/readyz` and the log say why.",
                since: specs.lastAttemptedAt
            )
        ]
    }
}
