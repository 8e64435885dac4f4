import Calendar
import Foundation
import Spec
import Testing

@testable import Store

@Suite struct DueRuleTests {
    /// Mondays are 1 June, 8 June, … 2026; every schedule here fires at 09:00 UTC unless it says otherwise.
    private static func date(_ text: String) throws -> Date { try Date(text + ":00Z", strategy: .iso8601) }

    private static func schedule(
        cron: String = "0 9 * * *",
        misfire: ScheduleSpec.Misfire = .runOnce,
        window: String = "1h",
        overlap: ScheduleSpec.Overlap = .skip,
        until: String? = nil,
        maxRuns: Int? = nil
    ) throws -> ScheduleSpec {
        var schedule = ScheduleSpec(timing: .cron(try CronExpression(cron)), zone: try #require(IANAZone("UTC")))
        (schedule.until, schedule.maxRuns) = (until.flatMap(LocalDateTime.init(_:)), maxRuns)
        (schedule.misfire, schedule.overlap) = (misfire, overlap)
        schedule.misfireWindow = try #require(SpecDuration(window))
        return schedule
    }

    private static func rule(
        _ schedule: ScheduleSpec,
        due: String,
        now: String,
        runCount: Int = 0,
        isBusy: Bool = false,
        freeSince: String? = nil
    ) throws -> DueRule {
        DueRule(
            schedule: schedule,
            due: try date(due),
            now: try date(now),
            runCount: runCount,
            isBusy: isBusy,
            freeSince: try freeSince.map(date)
        )
    }

    @Test func itStartsAtItsTime() throws {
        let rule = try Self.rule(Self.schedule(), due: "2026-06-01T09:00", now: "2026-06-01T09:00")
        #expect(rule.action == .start(try Self.date("2026-06-01T09:00")))
        #expect(rule.next == (try Self.date("2026-06-02T09:00")))
    }

    @Test(arguments: ScheduleSpec.Misfire.allCases)
    func aMinuteLateIsNotMissed(misfire: ScheduleSpec.Misfire) throws {
        let rule = try Self.rule(Self.schedule(misfire: misfire), due: "2026-06-01T09:00", now: "2026-06-01T09:01")
        #expect(rule.action == .start(try Self.date("2026-06-01T09:00")))
    }

    @Test func missedTimesAreLeftOut() throws {
        let rule = try Self.rule(Self.schedule(misfire: .skip), due: "2026-06-01T09:00", now: "2026-06-03T08:00")
        guard case .skip = rule.action else {
            Issue.record("\(rule.action)")
            return
        }
        #expect(rule.next == (try Self.date("2026-06-03T09:00")))
    }

    @Test func leavingOutStopsAtATimeThatHasJustCome() throws {
        let rule = try Self.rule(Self.schedule(misfire: .skip), due: "2026-06-01T09:00", now: "2026-06-03T09:00")
        #expect(rule.next == (try Self.date("2026-06-03T09:00")))
    }

    @Test func theLastMissedTimeMakesUpForAll() throws {
        let schedule = try Self.schedule(cron: "0 * * * *", window: "2h")
        let rule = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T15:30")
        #expect(rule.action == .start(try Self.date("2026-06-01T15:00")))
        #expect(rule.next == (try Self.date("2026-06-01T16:00")))
    }

    @Test func nothingIsMadeUpForAfterTheWindow() throws {
        let rule = try Self.rule(Self.schedule(window: "2h"), due: "2026-06-01T09:00", now: "2026-06-01T11:01")
        guard case .skip(let reason) = rule.action else {
            Issue.record("\(rule.action)")
            return
        }
        #expect(reason == "missed by 121m, and not made up for")
        #expect(rule.next == (try Self.date("2026-06-02T09:00")))
    }

    @Test func theLastMissedTimeLiesBeforeTheEnd() throws {
        let schedule = try Self.schedule(cron: "0 * * * *", window: "12h", until: "2026-06-01T11:00")
        let rule = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T15:30")
        #expect(rule.action == .start(try Self.date("2026-06-01T11:00")))
        #expect(rule.next == nil)
    }

    @Test func allMissedTimesWithinTheWindowAreMadeUpFor() throws {
        let schedule = try Self.schedule(cron: "0 * * * *", misfire: .runAll, window: "3h")
        let first = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T15:30")
        #expect(first.action == .start(try Self.date("2026-06-01T13:00")))
        #expect(first.next == (try Self.date("2026-06-01T14:00")))
        let second = try Self.rule(schedule, due: "2026-06-01T14:00", now: "2026-06-01T15:30", isBusy: true)
        #expect(second.action == .wait)
    }

    @Test func aStartIsLeftOutWhileTheRunBeforeGoesOn() throws {
        let rule = try Self.rule(Self.schedule(), due: "2026-06-01T09:00", now: "2026-06-01T09:00", isBusy: true)
        #expect(rule.action == .skip(reason: "the run before still goes on"))
        #expect(rule.next == (try Self.date("2026-06-02T09:00")))
    }

    @Test func aStartWaitsForTheRunBefore() throws {
        let schedule = try Self.schedule(misfire: .skip, overlap: .queue)
        let waiting = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T09:00", isBusy: true)
        #expect(waiting.action == .wait)
        #expect(waiting.next == (try Self.date("2026-06-01T09:00")))
        // The wait took five hours, which is no misfire.
        let free = try Self.rule(
            schedule,
            due: "2026-06-01T09:00",
            now: "2026-06-01T14:00",
            freeSince: "2026-06-01T14:00"
        )
        #expect(free.action == .start(try Self.date("2026-06-01T09:00")))
    }

    @Test func theRunBeforeIsCancelled() throws {
        let schedule = try Self.schedule(overlap: .cancelRunning)
        let rule = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T09:00", isBusy: true)
        #expect(rule.action == .start(try Self.date("2026-06-01T09:00")))
    }

    @Test func theLastStartHasNoNext() throws {
        let schedule = try Self.schedule(maxRuns: 3)
        let last = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T09:00", runCount: 2)
        #expect(last.action == .start(try Self.date("2026-06-01T09:00")))
        #expect(last.next == nil)
        let over = try Self.rule(schedule, due: "2026-06-01T09:00", now: "2026-06-01T09:00", runCount: 3)
        #expect(over.action == .end)
    }
}
