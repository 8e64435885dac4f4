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
    /// Number of messages without an answer from which there is an alarm.
    static let mostUnconfirmed = 100

    /// A name for programs, with the thing it is about after a colon: `run_stopped:spring-offer`.
    let code: String
    let severity: Severity
    let title: String
    let detail: String
    var since: Date?

    var json: JSONValue {
        .fields([
            "code": .string(code), "severity": .string(severity.rawValue), "title": .string(title),
            "detail": .string(detail), "since": since.map { .string($0.apiText) },
        ])
    }

    /// Evaluates all alarms.
    static func all(in situation: Situation) -> [LiveAlarm] {
        redis(situation) + senders(situation) + runs(situation) + unconfirmed(situation) + specs(situation)
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
