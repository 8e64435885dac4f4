import Foundation

/// The state of a daemon itself at one moment, read without asking Postgres or Redis.
package struct DaemonVitals: Hashable, Sendable {
    /// Callers that wait for a connection to Postgres.
    var waitingCallers = 0
    /// Reports of WhatsApp that could not be written since the daemon started.
    var failedReports = 0
    /// Resident memory, in bytes.
    var memory = 0
    /// Servers of Redis that may discard queues when their memory is full.
    var evictingServers = 0

    package init(waitingCallers: Int = 0, failedReports: Int = 0, memory: Int = 0, evictingServers: Int = 0) {
        (self.waitingCallers, self.failedReports, self.memory) = (waitingCallers, failedReports, memory)
        self.evictingServers = evictingServers
    }
}

/// The vitals of the last minutes, for alarms about what lasts or happens again; a pure value.
struct VitalsHistory: Sendable {
    private struct Sample {
        let at: Date
        let vitals: DaemonVitals
        let isWhatsAppDown: Bool
    }

    /// Time between two samples, in seconds.
    static let spacing = 5.0
    /// Time that a state must last, and for which a failure is told, in seconds.
    static let window = 300.0
    /// Memory from which there is an alarm, in bytes.
    static let mostMemory = 400_000_000

    private var samples: [Sample] = []

    /// Returns true if it is time for another sample.
    func isDue(at now: Date) -> Bool {
        samples.last.map { abs(now.timeIntervalSince($0.at)) >= Self.spacing } ?? true
    }

    /// Takes a sample, and forgets those that no alarm needs.
    ///
    /// - Parameters:
    ///   - vitals: The vitals.
    ///   - circuit: The state of the circuit breaker.
    ///   - now: The present.
    mutating func note(_ vitals: DaemonVitals, circuit: String, at now: Date) {
        samples.removeAll { now.timeIntervalSince($0.at) > 2 * Self.window || $0.at > now }
        samples.append(Sample(at: now, vitals: vitals, isWhatsAppDown: circuit != "closed"))
    }

    /// Evaluates the alarms of the daemon.
    var alarms: [LiveAlarm] {
        guard let last = samples.last else { return [] }
        var alarms: [LiveAlarm] = []
        if let since = start(of: { $0.isWhatsAppDown }) {
            let detail =
                "The circuit breaker of this daemon is open. Check Meta's status page; sending resumes by itself."
            alarms.append(LiveAlarm("whatsapp_down", .critical, "WhatsApp does not answer", detail, since: since))
        }
        if let since = start(of: { $0.vitals.waitingCallers > 0 }) {
            let detail =
                "Requests wait for a connection all the time. Raise `DATABASE_CONNECTIONS`, or find the slow statement."
            alarms.append(
                LiveAlarm("pool_too_small", .warning, "Too few connections to Postgres", detail, since: since)
            )
        }
        let recent = samples.first { last.at.timeIntervalSince($0.at) <= Self.window } ?? last
        let failed = last.vitals.failedReports - recent.vitals.failedReports
        if failed > 0 {
            let detail =
                "\(failed) reports in five minutes. Find the cause in the log soon: WhatsApp repeats webhooks only for a while."
            alarms.append(LiveAlarm("webhooks_fail", .critical, "Webhooks cannot be written", detail))
        }
        if last.vitals.memory > Self.mostMemory {
            let detail =
                "\(last.vitals.memory / 1_000_000) MB. Report a bug: the memory of a daemon does not grow with campaigns."
            alarms.append(LiveAlarm("memory", .warning, "A daemon takes much memory", detail))
        }
        if last.vitals.evictingServers > 0 {
            let detail =
                "When its memory is full, messages may be sent twice. Set `maxmemory-policy noeviction`; `/readyz` names the servers."
            alarms.append(LiveAlarm("redis_evicts", .warning, "Redis may discard queues", detail))
        }
        return alarms
    }

    /// Returns when a state began that has lasted for the window until now; `nil` if it has not.
    private func start(of holds: (Sample) -> Bool) -> Date? {
        guard let last = samples.last, let first = samples.reversed().prefix(while: holds).last,
            last.at.timeIntervalSince(first.at) >= Self.window
        else { return nil }
        return first.at
    }
}
