import Testing

@testable import Account

/// How often and how fast accounts are read.
struct SweepPaceTests {
    @Test func aTurnEndsWhenItsPagesOrTheCallsAreUsedUp() {
        let few = GraphUsage(percent: 79)
        #expect(SweepPace.step(afterPages: 0, usage: nil) == .goOn)
        #expect(SweepPace.step(afterPages: 19, usage: few) == .goOn)
        #expect(SweepPace.step(afterPages: 20, usage: few) == .pause(.seconds(60), isLimit: false))
        #expect(SweepPace.step(afterPages: 3, usage: GraphUsage(percent: 80)) == .pause(.seconds(600), isLimit: true))
        // The API's own estimate counts, if it is the longer one.
        let told = GraphUsage(percent: 100, regainMinutes: 25)
        #expect(SweepPace.step(afterPages: 3, usage: told) == .pause(.seconds(1_500), isLimit: true))
    }

    @Test func aLargeAccountIsReadLessOften() {
        #expect(SweepPace.interval(templates: nil) == .seconds(600))
        #expect(SweepPace.interval(templates: 250) == .seconds(600))
        // 30 pages and two more calls, of a hundred an hour.
        #expect(SweepPace.interval(templates: 6_000) == .seconds(1_152))
    }

    @Test func attemptsAfterFailuresBecomeRarer() {
        #expect(SweepPace.backoff(failures: 0, random: 1) == .seconds(60))
        #expect(SweepPace.backoff(failures: 0, random: 0) == .seconds(45))
        #expect(SweepPace.backoff(failures: 3, random: 1) == .seconds(480))
        #expect(SweepPace.backoff(failures: 1_000, random: 1) == .seconds(3_600))
        #expect(SweepPace.pause(limitedFor: 12, failures: 0, random: 0) == .seconds(720))
        #expect(SweepPace.pause(limitedFor: 0, failures: 0, random: 1) == .seconds(300))
    }
}
