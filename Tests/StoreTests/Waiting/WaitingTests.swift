import Foundation
import JSON
import Testing

@testable import Store

/// The reason that a run is told to wait for: the first that holds, in the order of the list.
struct WaitingTests {
    private static let now = Date(timeIntervalSince1970: 1_780_000_000)
    private static let opened = now - 600

    /// A run that nothing keeps from sending.
    private static func facts(_ change: (inout WaitingFacts) -> Void = { _ in }) -> WaitingFacts {
        var facts = WaitingFacts(now: now, since: opened)
        facts.lastHeartbeat = now - 4
        facts.reports = [[]]
        change(&facts)
        return facts
    }

    private static func pause(by actor: RunActor?, _ reason: String? = "wrong price") -> WaitingFacts.Pause {
        WaitingFacts.Pause(since: now - 30, actor: actor, reason: reason)
    }

    /// Everything at once, from the last reason to the first.
    private static let causes: [(reason: Waiting.Reason, change: @Sendable (inout WaitingFacts) -> Void)] = [
        (.moving, { _ in }),
        (.behindOthers, { $0.turnAt = now + 60 }),
        (.upload, { $0.awaitsFile = true }),
        (.localTime, { $0.localTimeUntil = now + 80 }),
        (.userCap, { $0.cappedUntil = now + 90 }),
        (.quietHours, { ($0.quietSince, $0.quietUntil) = (now - 100, now + 3_600) }),
        (.rateLimited, { $0.rateLimitedUntil = now + 50 }),
        (.quota, { $0.quotaUntil = now + 7_200 }),
        (.templateNotApproved, { $0.pause = pause(by: .template) }),
        (.insufficientBalance, { $0.pause = pause(by: .balance) }),
        (.paused, { $0.pause = pause(by: .command("jane")) }),
        (.whatsappUnreachable, { $0.reports = [[Waiting(.whatsappUnreachable, since: now - 9)]] }),
        (.noToken, { $0.reports[0].append(Waiting(.noToken, since: now - 8, detail: "TOKEN is not set")) }),
        (.storeUnreachable, { $0.reports[0].append(Waiting(.storeUnreachable, since: now - 7)) }),
        (.noDaemon, { ($0.lastHeartbeat, $0.reports) = (now - 16, []) }),
        (.launching, { $0.isLaunching = true }),
    ]

    @Test func theFirstReasonThatHoldsIsTold() {
        #expect(Self.causes.map(\.reason) == Waiting.Reason.allCases.reversed())
        var facts = Self.facts()
        for (reason, change) in Self.causes {
            change(&facts)
            #expect(Waiting(facts).reason == reason)
        }
    }

    @Test(arguments: causes.indices)
    func eachReasonHoldsAlone(index: Int) {
        let (reason, change) = Self.causes[index]
        let waiting = Waiting(Self.facts(change))
        #expect(waiting.reason == reason)
        #expect(waiting.since >= Self.opened && waiting.since <= Self.now)
        #expect((waiting.until ?? .distantFuture) > Self.now)
    }

    @Test func aPauseNamesWhoAndWhy() {
        let person = Waiting(Self.facts { $0.pause = Self.pause(by: .api("jane")) })
        #expect(person.detail == "wrong price" && person.actor == .api("jane") && person.since == Self.now - 30)
        #expect(person.words == "paused by jane (API) since 2026-05-28T20:26:10Z: wrong price")
        let reason = "alike guard: 20 refusals in a row with code 132000"
        let alike = Waiting(Self.facts { $0.pause = Self.pause(by: .guardRail("alike"), reason) })
        #expect(alike.detail == reason)
        let words = "paused by the alike guard since 2026-05-28T20:26:10Z: 20 refusals in a row with code 132000"
        #expect(alike.words == words, "once")
        let old = Waiting(Self.facts { $0.pause = WaitingFacts.Pause(since: nil, actor: nil, reason: "190: expired") })
        #expect(old.reason == .paused && old.detail == "190: expired" && old.since == Self.opened)
    }

    @Test func aTemplateSaysWhetherAPersonHasToDoSomething() {
        let held = Waiting(
            Self.facts {
                $0.pause = .init(since: Self.now - 30, actor: .template, reason: "132015: paused", isHold: true)
            }
        )
        #expect(held.reason == .templateNotApproved)
        #expect(held.detail == "132015: paused; it goes on by itself when WhatsApp approves the template")
        let stopped = Waiting(Self.facts { $0.pause = Self.pause(by: .template, "132001: unknown") })
        #expect(stopped.detail?.hasPrefix("132001: unknown; it does not go on by itself; ") == true)
        #expect(stopped.detail?.hasSuffix("go on with `campaignd resume`") == true)
        // A hold whose template was approved meanwhile waits for its text, and nobody needs to resume it.
        let approved = Waiting(
            Self.facts {
                $0.pause = .init(since: Self.now - 30, actor: .template, reason: "its text", isHold: true)
                $0.templateApprovedAt = Self.now - 5
            }
        )
        #expect(approved.reason == .templateNotApproved)
    }

    @Test func aLaunchThatNoDaemonCanEndSaysSo() {
        let launch = Waiting(Self.facts { $0.isLaunching = true })
        #expect(launch.reason == .launching && launch.detail == nil)
        let alone = Waiting(Self.facts { ($0.isLaunching, $0.lastHeartbeat) = (true, nil) })
        #expect(alone.reason == .launching && alone.detail?.contains("no daemon runs") == true)
    }

    @Test func noDaemonIsToldAfterFifteenSecondsAndSinceTheLastOne() {
        #expect(Waiting(Self.facts { $0.lastHeartbeat = Self.now - 15 }).reason == .moving)
        let gone = Waiting(Self.facts { $0.lastHeartbeat = Self.now - 20 })
        #expect(gone.reason == .noDaemon && gone.since == Self.now - 20)
        let never = Waiting(Self.facts { $0.lastHeartbeat = nil })
        #expect(never.reason == .noDaemon && never.since == Self.opened)
        let longAgo = Waiting(Self.facts { $0.lastHeartbeat = Self.opened - 3_600 })
        #expect(longAgo.since == Self.opened, "it waits since it was opened")
    }

    /// One daemon that can send is enough.
    @Test func aLaneIsStoppedOnlyIfItIsOnAllDaemons() {
        let token = Waiting(.noToken, since: Self.now - 5, detail: "TOKEN is not set")
        let down = Waiting(.whatsappUnreachable, since: Self.now - 50)
        #expect(Waiting(Self.facts { $0.reports = [[token], []] }).reason == .moving)
        #expect(Waiting(Self.facts { $0.reports = [[token], [down]] }) == token)
        #expect(Waiting(Self.facts { $0.reports = [] }).reason == .moving, "a daemon without a report")
    }

    @Test func usedUpQuotaIsAPauseOnceItHasReturnedAndAPersonMustResume() {
        let waits = Waiting(Self.facts { ($0.quotaUntil, $0.resumesByItself) = (Self.now - 1, true) })
        #expect(waits.reason == .quota)
        let returned = Waiting(Self.facts { $0.quotaUntil = Self.now - 1 })
        #expect(returned.reason == .paused && returned.detail?.contains("campaignd resume") == true)
        #expect(returned.actor == .quota)
    }

    @Test func aPauseThatIsOverIsNone() {
        #expect(Waiting(Self.facts { $0.rateLimitedUntil = Self.now - 1 }).reason == .moving)
    }

    @Test func reportsOfDaemonsSurviveTheTable() {
        let sender = UUID()
        let causes = [
            Waiting(.noToken, since: Self.now, detail: "TOKEN is not set"),
            Waiting(.rateLimited, since: Self.now, until: Self.now + 60),
        ]
        #expect(LaneReport.read([LaneReport(sender: sender, causes: causes).json]) == [sender: causes])
        // A later version may know more reasons.
        let report: JSONValue = ["sender": .string(sender.uuidString), "causes": [["reason": "moon", "since": 1]]]
        let later = LaneReport.read([report])
        #expect(later == [sender: []])
    }
}
