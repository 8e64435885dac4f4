import Testing

@testable import Runtime

/// The lead time of reservations, and the number of messages processed at once.
struct LeadAndPermitTests {
    @Test func theLeadFollowsTheLongestRecentPreparation() {
        var lead = LeadTime()
        #expect(lead.duration == LeadTime.shortest)
        lead.note(.milliseconds(100))
        #expect(lead.duration == .milliseconds(125), "a quarter more than it took")
        lead.note(.milliseconds(4))
        #expect(lead.duration > .milliseconds(110), "one that is quick proves little")
        for _ in 0..<200 { lead.note(.milliseconds(4)) }
        #expect(lead.duration == LeadTime.shortest)
    }

    @Test func theLeadHasALimit() {
        var lead = LeadTime()
        lead.note(.seconds(3))
        #expect(lead.duration == LeadTime.longest && lead.isExceeded)
        lead.note(.milliseconds(10))
        #expect(!lead.isExceeded && lead.duration < LeadTime.longest)
    }

    @Test func permitsFallWhenSlotsAreMissedAndComeBackWhenTheyAreMet() {
        let start = ContinuousClock.now
        var limit = PermitLimit(largest: 512)
        #expect(limit.count == 512)
        for _ in 0..<100 { limit.miss(at: start) }
        #expect(limit.count == 341, "messages that are late together are one sign")
        for step in 1...100 { limit.miss(at: start + .milliseconds(300 * step)) }
        #expect(limit.count == PermitLimit.smallest)
        var met = 0
        while limit.count < 512, met < 100_000 {
            limit.meet(1)
            met += 1
        }
        #expect((5_000...20_000).contains(met), "\(met) messages until all are back")
        limit.meet(1_000)
        #expect(limit.count == 512)
    }

    @Test func fewPermitsStayFew() {
        var limit = PermitLimit(largest: 3)
        limit.miss(at: .now)
        #expect(limit.count == 3)
        limit.meet(100)
        #expect(limit.count == 3)
    }

    @Test func aWaiterForMorePermitsThanExistGetsAll() async {
        let permits = SendPermits(count: 100)
        let start = ContinuousClock.now
        for step in 0..<20 { permits.miss(at: start + .seconds(step)) }
        #expect(permits.count == PermitLimit.smallest)
        #expect(await permits.take(upTo: 50, minimum: 20) == PermitLimit.smallest)
        permits.give(back: PermitLimit.smallest)
    }

    @Test func morePermitsServeWaiters() async {
        let permits = SendPermits(count: 100)
        permits.miss(at: .now)
        let taken = await permits.take(upTo: 100)
        #expect(taken == 66)
        async let another = permits.take(upTo: 10)
        while permits.waiting == 0 { await Task.yield() }
        permits.meet(40)
        #expect(await another >= 1)
    }
}
