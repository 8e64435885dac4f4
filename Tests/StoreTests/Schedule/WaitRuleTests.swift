import Calendar
import Foundation
import Spec
import Testing

@testable import Store

@Suite struct WaitRuleTests {
    private static let until = Date(timeIntervalSince1970: 1_780_304_400)

    private static func action(
        _ change: (inout WaitRule.Facts) -> Void = { _ in },
        overlap: ScheduleSpec.Overlap = .skip,
        after seconds: Double = -60
    ) -> WaitRule.Action {
        var facts = WaitRule.Facts()
        change(&facts)
        return WaitRule(facts, overlap: overlap, until: until, now: until + seconds).action
    }

    private static func end(_ action: WaitRule.Action) -> String? {
        guard case .end(let reason) = action else { return nil }
        return reason
    }

    private static func wait(_ action: WaitRule.Action) -> String? {
        guard case .wait(let reason) = action else { return nil }
        return reason ?? ""
    }

    @Test func itStartsOnceTheTemplateIsApproved() {
        #expect(Self.action() == .start)
        #expect(Self.wait(Self.action { $0.problem = "it is PENDING" })?.hasSuffix(": it is PENDING") == true)
    }

    @Test func aChangeEndsTheWaitAlsoOfAnApprovedTemplate() {
        for problem in [nil, "it is PENDING"] {
            let action = Self.action { ($0.change, $0.problem) = ("the schedule was edited", problem) }
            #expect(Self.end(action) == "the schedule was edited while it waited for WhatsApp to approve the template")
        }
    }

    @Test func itWaitsNoLongerThanItsLimit() {
        #expect(Self.wait(Self.action({ $0.problem = "x" }, after: 0)) != nil)
        #expect(Self.end(Self.action({ $0.problem = "x" }, after: 1))?.hasSuffix("in time: x") == true)
        // An approval that no daemon saw in time starts nothing hours later.
        #expect(Self.end(Self.action(after: 1))?.hasPrefix("it could start too late") == true)
        #expect(Self.end(Self.action({ $0.isFollowed = true }, after: 1)) != nil)
    }

    @Test func theNextTimeDecides() {
        #expect(Self.wait(Self.action { $0.isFollowed = true }) == "")
    }

    @Test(arguments: ScheduleSpec.Overlap.allCases)
    func aRunUnderWayFollowsTheOverlap(overlap: ScheduleSpec.Overlap) {
        let action = Self.action({ $0.isBusy = true }, overlap: overlap)
        switch overlap {
        case .skip: #expect(Self.end(action) == "the run before still goes on")
        case .queue: #expect(Self.wait(action)?.contains("waits for the run before") == true)
        case .cancelRunning: #expect(action == .start)
        }
    }

    @Test func theWaitIsAsLongAsAMissedStartIsMadeUpFor() throws {
        var schedule = ScheduleSpec(timing: .cron(try CronExpression("@daily")), zone: .utc)
        #expect(WaitRule.end(schedule, after: Self.until) == Self.until + 3_600)
        schedule.misfireWindow = SpecDuration(seconds: 0)
        #expect(WaitRule.end(schedule, after: Self.until) == Self.until + DueRule.tolerance)
    }
}
