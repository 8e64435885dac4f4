import Store
import Testing

@testable import Runtime

/// The names that WhatsApp has for our numbers are stored when they are new, or after a minute.
struct KnownNumbersTests {
    private static let one = InboundReport.Number(phoneNumberID: "1", displayPhoneNumber: "+1", businessAccountID: "A")
    private static let renamed = InboundReport.Number(
        phoneNumberID: "1",
        displayPhoneNumber: "+2",
        businessAccountID: "A"
    )

    @Test func onlyNewNumbersHaveToBeStored() {
        let (known, now) = (KnownNumbers(), ContinuousClock.now)
        #expect(known.unknown(among: [Self.one], at: now) == [Self.one])
        #expect(known.unknown(among: [Self.one], at: now) == [Self.one], "nobody has written it down yet")
        known.note([Self.one], at: now)
        #expect(known.unknown(among: [Self.one, Self.renamed], at: now) == [Self.renamed])
        #expect(known.unknown(among: [], at: now) == [])
    }

    @Test func aFormerNameIsNewAgain() {
        let (known, now) = (KnownNumbers(), ContinuousClock.now)
        for name in [Self.one, Self.renamed, Self.one] {
            #expect(known.unknown(among: [name], at: now) == [name])
            known.note([name], at: now)
        }
    }

    @Test func itIsWrittenAgainAfterAMinute() {
        let (known, now) = (KnownNumbers(), ContinuousClock.now)
        known.note([Self.one], at: now)
        #expect(known.unknown(among: [Self.one], at: now + .seconds(59)) == [])
        #expect(known.unknown(among: [Self.one], at: now + .seconds(60)) == [Self.one])
    }
}
