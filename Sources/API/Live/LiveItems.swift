package import Foundation
import JSON
import Spec
import Store

/// The kinds of things that people watch, by the names of their lists.
enum LiveKind: String, CaseIterable, Sendable {
    case daemons, senders, runs, alarms
}

/// Facts that are remembered from one reading to the next, of one tenant.
struct LiveMemory: Sendable {
    /// The time over which rates are measured, in seconds.
    static let window = 10.0

    private var meters: [UUID: RateMeter] = [:]
    private var waiting: [UUID: Waiting] = [:]

    /// The runs of the last reading that were not over, which are read once more.
    private(set) var open: [UUID] = []

    /// Takes the counters of runs.
    ///
    /// - Returns: The messages per second of each; without those that were seen for the first time.
    mutating func rates(of runs: [RunRecord], at now: Date) -> [UUID: Double] {
        var rates: [UUID: Double] = [:]
        var kept: [UUID: RateMeter] = [:]
        for run in runs {
            var meter = meters[run.id] ?? RateMeter(window: Self.window)
            rates[run.id] = meter.note(run.counters.tried, at: now)
            kept[run.id] = meter
        }
        meters = kept
        open = runs.filter { !$0.status.isOver }.map(\.id)
        return rates
    }

    /// Returns why a sender waits, since when that was first read: the facts tell the present moment.
    mutating func steady(_ now: Waiting, of sender: UUID) -> Waiting {
        if let former = waiting[sender], former.reason == now.reason, former.until == now.until { return former }
        waiting[sender] = now
        return now
    }
}

extension LiveReading {
    /// Returns the parts of one tenant, as messages show them, by kind and key.
    func items(of tenant: String, _ memory: inout LiveMemory) -> [LiveKind: [String: JSONValue]] {
        let runs = runs.filter { $0.run.tenantID == tenant }
        let senders = senders.filter { $0.tenantID == tenant }
        let rates = memory.rates(of: runs.map(\.run), at: at)
        var work: [UUID: Int] = [:]
        var speed: [UUID: Double] = [:]
        for run in runs.map(\.run) where !run.status.isOver {
            work[run.senderID, default: 0] += max(0, run.counters.open)
            if let rate = rates[run.id] { speed[run.senderID, default: 0] += rate }
        }
        var items: [LiveKind: [String: JSONValue]] = [:]
        items[.daemons] = Dictionary(uniqueKeysWithValues: daemons.map { ($0.id.apiText, $0.json) })
        var waiting: [UUID: Waiting] = [:]
        for sender in senders { waiting[sender.id] = memory.steady(sender.waiting, of: sender.id) }
        items[.senders] = Dictionary(
            uniqueKeysWithValues: senders.map { sender in
                let rate = sender.openRuns == 0 ? 0 : speed[sender.id]
                return (sender.id.apiText, json(of: sender, rate: rate, waiting[sender.id] ?? sender.waiting))
            }
        )
        items[.runs] = Dictionary(
            uniqueKeysWithValues: runs.map { run in
                let all = work[run.run.senderID] ?? 0
                let open = Double(max(0, run.run.counters.open))
                let share = run.run.status.isOver || all == 0 ? nil : open / Double(all)
                let rate = run.run.status == .running ? rates[run.run.id] : 0
                return (run.run.id.apiText, run.json(self, rate: rate, share: share))
            }
        )
        let situation = LiveAlarm.Situation(
            tenant: tenant,
            reading: self,
            runs: runs,
            senders: senders.map { ($0, waiting[$0.id] ?? $0.waiting, speed[$0.id] ?? 0) }
        )
        items[.alarms] = Dictionary(LiveAlarm.all(in: situation).map { ($0.code, $0.json) }) { first, _ in first }
        return items
    }

    private func json(of sender: SenderOverview, rate: Double?, _ waiting: Waiting) -> JSONValue {
        let lane = lanes?[sender.id]
        return .fields([
            "id": .string(sender.id.apiText), "name": .string(sender.name),
            "displayPhoneNumber": sender.displayPhoneNumber.map(JSONValue.string),
            "rate": rate.map { .number($0.tenths) }, "limit": .integer(sender.ratePerSecond),
            "quota": .fields([
                "name": .string(sender.quotaName), "used": .integer(sender.quota.businessSent24h),
                "limit": sender.quota.tierLimit.map(JSONValue.integer),
                "remaining": sender.quota.remaining.map(JSONValue.integer),
            ]),
            "ready": lane.map { .integer($0.ready) }, "delayed": lane.map { .integer($0.delayed) },
            "held": lane.map { .integer($0.held) },
            "oldestAt": oldest[sender.id].map { .string($0.wholeSecond.apiText) },
            "openRuns": .integer(sender.openRuns),
            "silencedUntil": sender.silencedUntil.map { .string($0.apiText) },
            "waiting": waiting.json, "circuit": .string(circuit),
            "quality": sender.qualityEvent.map(JSONValue.string),
            "numberQuality": sender.numberQuality.map(JSONValue.string),
            "numberStatus": sender.numberStatus.map(JSONValue.string),
            "messagingTier": sender.messagingTier.map(JSONValue.string),
            "restriction": sender.restriction.map(JSONValue.string),
        ])
    }
}

extension LiveRun {
    fileprivate func json(_ reading: LiveReading, rate: Double?, share: Double?) -> JSONValue {
        let outlook = reading.outlooks[run.id]
        let minutes =
            reading.minutes[run.id]?.map(\.accepted)
            ?? Array(repeating: 0, count: LiveRepository.minuteCount)
        // An end that is not in sight moves along with the clock, which would be a change each time.
        let isOpenEnded = outlook?.waiting.reason.isOpenEnded ?? true
        let waiting = outlook?.waiting
        return .fields([
            "id": .string(run.id.apiText), "campaignId": .string(run.campaignID.apiText),
            "campaign": .string(run.campaignName), "title": title.map(JSONValue.string),
            "status": .string(run.status.rawValue), "waiting": waiting?.json, "sender": .string(run.senderName),
            "schedule": schedule.map(JSONValue.string), "recipientCount": .integer(run.recipientCount),
            "expectedCount": .integer(run.expectedCount), "messages": run.counters.json,
            "tried": .integer(max(0, run.counters.tried)), "rate": rate.map { .number($0.tenths) },
            "limit": .integer(run.ratePerSecond), "share": share.map { .number(($0 * 1_000).rounded() / 1_000) },
            "estimatedCompletionAt": isOpenEnded ? nil : outlook?.estimatedCompletionAt.map { .string($0.apiText) },
            "startedAt": run.startedAt.map { .string($0.apiText) },
            "completedAt": run.completedAt.map { .string($0.apiText) }, "createdAt": .string(createdAt.apiText),
            "minutes": .array(minutes.map { .integer(max(0, $0)) }),
            "quietUntil": waiting?.reason == .quietHours ? waiting?.until.map { .string($0.apiText) } : nil,
        ])
    }
}

extension LiveDaemon {
    fileprivate var json: JSONValue {
        [
            "id": .string(id.apiText), "version": .string(version), "startedAt": .string(startedAt.apiText),
            "lastSeen": .string(lastSeen.apiText), "isLive": .bool(isLive),
        ]
    }
}

extension RunCounters {
    /// The messages by status; a counter that is corrected at this moment may be below 0.
    var json: JSONValue {
        .object(
            Dictionary(uniqueKeysWithValues: MessageStatus.allCases.map { ($0.rawValue, .integer(max(0, self[$0]))) })
        )
    }
}

extension Double {
    fileprivate var tenths: Double { (self * 10).rounded() / 10 }
}

extension Date {
    /// An age is read a little later each time: only whole seconds are shown.
    fileprivate var wholeSecond: Date { Date(timeIntervalSince1970: timeIntervalSince1970.rounded()) }
}

/// Measures how fast a counter grows, over the last seconds.
package struct RateMeter: Sendable {
    let window: TimeInterval
    private var samples: [(count: Int, at: Date)] = []

    /// - Parameter window: The time over which it measures, in seconds.
    package init(window: TimeInterval) {
        self.window = window
    }

    /// Takes the counter of an instant.
    ///
    /// - Returns: The growth per second since the oldest look within the window; `nil` at the first look.
    package mutating func note(_ count: Int, at now: Date) -> Double? {
        samples.append((count, now))
        // The newest sample that is older than the window stays, so that slow looks are measured too.
        while samples.count > 2, now.timeIntervalSince(samples[1].at) >= window { samples.removeFirst() }
        let seconds = now.timeIntervalSince(samples[0].at)
        return seconds > 0 ? max(0, Double(count - samples[0].count) / seconds) : nil
    }
}
