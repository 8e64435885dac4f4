import Foundation
import Testing

@testable import Spec

/// When runs are done: what stands before them, pace, quiet hours and quota.
struct DeliveryEstimateTests {
    /// Thursday, 2026-05-28 20:26:40 UTC.
    private static let now = Date(timeIntervalSince1970: 1_780_000_000)
    private static let (one, two, three) = (UUID(), UUID(), UUID())

    private static func seconds(
        _ run: UUID,
        _ shares: [LaneWork.Share],
        rate: Int = 20,
        hours: SendingHours? = nil,
        quota: DeliveryEstimate.Quota? = nil,
        pausedUntil: Date? = nil
    ) throws -> Double {
        let estimate = DeliveryEstimate(
            from: now,
            ratePerSecond: rate,
            shares: shares,
            hours: hours,
            quota: quota,
            pausedUntil: pausedUntil
        )
        return try #require(estimate.completion(of: run)).timeIntervalSince(now)
    }

    private static func share(_ run: UUID, queued: Int = 0, pending: Int = 0, outside: Int = 0, events: Bool = false)
        -> LaneWork.Share
    {
        LaneWork.Share(run: run, queued: queued, pending: pending, outside: outside, goesFirst: events)
    }

    @Test func aRunAloneTakesWhatTheLaneGrants() throws {
        #expect(abs(try Self.seconds(Self.one, [Self.share(Self.one, pending: 985)]) - 985 / 19.2) < 0.1)
        #expect(try Self.seconds(Self.one, [Self.share(Self.one)]) == 0)
        #expect(GrantedPace.messagesPerSecond(ratePerSecond: 80) == 80 * 0.96)
    }

    /// The first is in the lane when the second is launched, which waits until half of the window is free.
    @Test func theSecondOfTwoRunsWaitsForTheFirst() throws {
        let shares = [Self.share(Self.one, queued: 985), Self.share(Self.two, pending: 985)]
        let (first, second) = (try Self.seconds(Self.one, shares), try Self.seconds(Self.two, shares))
        #expect(abs(second - 1_970 / 19.2) < 1, "all messages of both")
        #expect(abs(first - 1_485 / 19.2) < 2, "alone until half of the window is free, then in turns")
        let estimate = DeliveryEstimate(from: Self.now, ratePerSecond: 20, shares: shares)
        let turn = try #require(estimate.turn(of: Self.two)).timeIntervalSince(Self.now)
        #expect(abs(turn - 485 / 19.2) < 1)
    }

    @Test func aSmallRunDoesNotWaitForABigOne() throws {
        let shares = [Self.share(Self.one, queued: 1_000, pending: 99_000), Self.share(Self.two, queued: 10)]
        #expect(try Self.seconds(Self.two, shares) < 2)
        #expect(abs(try Self.seconds(Self.one, shares) - 100_010 / 19.2) < 1)
    }

    @Test func messagesOfEventsGoFirst() throws {
        let shares = [Self.share(Self.one, queued: 192), Self.share(Self.two, queued: 384, events: true)]
        #expect(abs(try Self.seconds(Self.two, shares) - 20) < 0.1)
        #expect(abs(try Self.seconds(Self.one, shares) - 30) < 0.1)
    }

    @Test(.timeLimit(.minutes(3)))
    func manyBigRunsAreEstimatedAtOnce() throws {
        let runs = (0..<50).map { _ in UUID() }
        let shares = runs.map { Self.share($0, pending: 10_000_000) }
        let start = ContinuousClock.now
        let last = try Self.seconds(runs[49], shares, rate: 1_000)
        #expect(abs(last - 500_000_000 / 960) < 1_000)
        #expect(.now - start < .seconds(2))
    }

    @Test func quietHoursDelayWhatIsLeft() throws {
        // 20:26:40 in UTC is 23:26:40 in Nairobi: quiet until 08:00, which is 05:00 in UTC.
        let night = try #require(Self.hours("21:00", "08:00", zone: "Africa/Nairobi"))
        let quiet = try #require(night.quiet(at: Self.now))
        #expect(quiet.since == Self.date("2026-05-28T18:00:00Z") && quiet.until == Self.date("2026-05-29T05:00:00Z"))
        let shares = [Self.share(Self.one, pending: 192)]
        let wait = quiet.until.timeIntervalSince(Self.now)
        #expect(abs(try Self.seconds(Self.one, shares, hours: night) - wait - 10) < 0.1)
        // Quiet hours that begin in 100 s cut a run of 200 s in two.
        let soon = try #require(Self.hours("20:28", "21:00", zone: "UTC"))
        #expect(soon.quiet(at: Self.now) == nil)
        let cut = try Self.seconds(Self.one, [Self.share(Self.one, pending: 3_840)], hours: soon)
        #expect(abs(cut - 200 - 32 * 60) < 0.1)
        let skipping = TenantSpec.QuietHours(from: "21:00", to: "08:00", action: "skip")
        #expect(SendingHours(quietHours: skipping, timeZone: "UTC") == nil)
    }

    /// In the night of 2026-03-29 clocks in Berlin go from 02:00 to 03:00.
    @Test func quietHoursFollowTheClockOfTheTenant() throws {
        let night = try #require(Self.hours("21:00", "08:00", zone: "Europe/Berlin"))
        let quiet = try #require(night.quiet(at: Self.date("2026-03-28T23:00:00Z")))
        #expect(quiet.since == Self.date("2026-03-28T20:00:00Z") && quiet.until == Self.date("2026-03-29T06:00:00Z"))
    }

    @Test func quotaDelaysWhatItDoesNotCover() throws {
        let hour = Self.date("2026-05-28T10:00:00Z")
        let quota = DeliveryEstimate.Quota(limit: 100, charged: [hour: 60])
        func end(outside: Int) throws -> Double {
            try Self.seconds(Self.one, [Self.share(Self.one, pending: 192, outside: outside)], quota: quota)
        }
        #expect(abs(try end(outside: 40) - 10) < 0.1, "40 are left")
        let returns = hour.addingTimeInterval(25 * 3_600).timeIntervalSince(Self.now)
        #expect(abs(try end(outside: 59) - returns - 1) < 0.2, "19 wait until some of it returns")
        #expect(abs(try end(outside: 192) - returns - 25 * 3_600) < 60, "more than a limit takes another day")
    }

    @Test func aPauseOfWhatsAppDelaysEverything() throws {
        let shares = [Self.share(Self.one, pending: 192)]
        #expect(abs(try Self.seconds(Self.one, shares, pausedUntil: Self.now + 60) - 70) < 0.1)
        #expect(abs(try Self.seconds(Self.one, shares, pausedUntil: Self.now - 60) - 10) < 0.1)
    }

    private static func hours(_ from: String, _ to: String, zone: String) -> SendingHours? {
        SendingHours(quietHours: TenantSpec.QuietHours(from: from, to: to, action: "wait"), timeZone: zone)
    }

    private static func date(_ text: String) -> Date {
        (try? Date(text, strategy: .iso8601)) ?? .distantPast
    }
}
