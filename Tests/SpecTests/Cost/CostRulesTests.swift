import Calendar
import Foundation
import JSON
import Testing

@testable import Spec

/// Repeatable random numbers.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}

/// Markets, the rules of dates, and sums.
struct CostRulesTests {
    private static let book = RateBook(cards: [
        RateCard(
            from: "2026-07-01",
            currency: "USD",
            markets: [
                "Mexico": [.marketing: 30_500, .utility: 8_500, .authentication: 8_500],
                "Rest of Africa": [.marketing: 22_500, .utility: 4_000, .authentication: 4_000],
            ]
        ),
        RateCard(
            from: "2026-10-01",
            currency: "USD",
            markets: [
                "Mexico": [.marketing: 39_700, .utility: 8_500, .authentication: 8_500, .service: 8_500],
                "Colombia": [.marketing: 12_500, .utility: 800, .authentication: 800, .service: 800],
                "Rest of Latin America": [
                    .marketing: 74_000, .utility: 11_300, .authentication: 11_300, .service: 11_300,
                ],
                "Rest of Africa": [
                    .marketing: 22_500, .utility: 4_000, .authentication: 4_000, .authenticationInternational: 9_000,
                    .service: 4_000,
                ],
            ]
        ),
    ])

    @Test(arguments: [
        ("254", "Rest of Africa"), ("521", "Mexico"), ("573", "Colombia"), ("1415", "North America"),
        ("1809", "Rest of Latin America"), ("1876", "Rest of Latin America"), ("1246", "Other"), ("791", "Russia"),
        ("770", "Kazakhstan"), ("761", "Kazakhstan"), ("880", "Bangladesh"), ("821", "Other"), ("243", "Other"),
        ("230", "Other"), ("354", "Other"), ("352", "Other"), ("372", "Other"), ("387", "Other"), ("535", "Other"),
        ("KE.", "Rest of Africa"), ("US.", "North America"), ("DO.", "Rest of Latin America"), ("BB.", "Other"),
        ("KZ.", "Kazakhstan"), ("XX.", "Other"), ("", "Other"), ("447", "United Kingdom"), ("380", "Ukraine"),
    ])
    func tellsTheMarketOfANumber(beginning: String, market: String) {
        #expect(MarketMap.known[1].market(of: beginning) == market)
    }

    /// Whom events name is not known, so their costs are those of the present contacts.
    @Test func eventsAreEstimatedByTheContactsOfNow() throws {
        let contacts = [
            NumberBeginning("254", recipients: 10, inWindow: 4), NumberBeginning("521", recipients: 5, inWindow: 0),
            NumberBeginning("821", recipients: 2, inWindow: 0),
        ]
        func cost(_ category: RateCategory, _ day: String) -> EventCost? {
            EventCost(contacts, of: category, on: day, in: "USD", by: Self.book)
        }
        // Within 24 hours it was free in July.
        let july = try #require(cost(.utility, "2026-07-15"))
        #expect(july.low == 0 && july.high == 8_500 && july.highOfThousand == 4_433_333)
        let november = try #require(cost(.utility, "2026-11-15"))
        #expect(november.contacts == 15 && november.unpriced == 2)
        #expect(
            november.words
                == "about USD 0.004 to USD 0.0085 an event, and USD 5.50 for 1,000 events that name contacts like "
                + "the present 15; 2 more have no price"
        )
        #expect(EventCost(json: november.json) == november && EventCost(json: [:]) == nil)
        let service = try #require(cost(.service, "2026-11-15"))
        #expect(service.low == 0 && service.lowOfThousand == 0 && service.highOfThousand == 5_500_000)
        let codes = try #require(cost(.authentication, "2026-11-15"))
        #expect(codes.low == 4_000 && codes.high == 9_000 && codes.lowOfThousand < codes.highOfThousand)
        #expect(cost(.utility, "2026-06-30") == nil)
        #expect(EventCost([], of: .utility, on: "2026-11-15", in: "USD", by: Self.book) == nil)
        let single = [NumberBeginning("254", recipients: 1, inWindow: 0)]
        let one = EventCost(single, of: .marketing, on: "2026-11-15", in: "USD", by: Self.book)
        #expect(one?.words.hasPrefix("about USD 0.0225 an event, and USD 22.50 for 1,000") == true)
    }

    /// On the clocks of contacts a time comes on two days, of which one may have other rules.
    @Test func anEstimateSpansDays() throws {
        let contacts = [NumberBeginning("254", recipients: 10, inWindow: 4)]
        func cost(_ day: String) throws -> CostEstimate {
            try #require(CostRules.estimate(contacts, of: .utility, on: day, in: "USD", by: Self.book))
        }
        let (before, after) = (try cost("2026-09-30"), try cost("2026-10-01"))
        for span in [before.spanning(after), after.spanning(before)] {
            #expect(span.low == 24_000 && span.high == 40_000 && span.day == "2026-10-01" && span.free == 0)
        }
        #expect(before.spanning(nil) == before && after.spanning(after) == after)
    }

    @Test func nineMarketsBeganInOctober() {
        let (july, october) = (Set(MarketMap.known[0].codes.values), Set(MarketMap.known[1].codes.values))
        #expect(july.count == 38 && october.count == 47)
        #expect(MarketMap.known[0].market(of: "770") == "Other")
        #expect(MarketMap.known[0].market(of: "880") == "Rest of Asia Pacific")
    }

    /// July's list has no price for the markets that began in October, so its map counts as long as the list does.
    @Test func theMapIsThatOfThePrices() throws {
        let july = RateBook(cards: [
            RateCard(from: "2026-07-01", currency: "USD", markets: ["Rest of Africa": [.utility: 4]])
        ])
        let card = july.card(on: "2026-11-15", currency: "USD")
        #expect(july.map(on: "2026-11-15", for: card).market(of: "212") == "Rest of Africa")
        let counts = [NumberBeginning("212", recipients: 9, inWindow: 0)]
        let cost = CostRules.estimate(counts, of: .utility, on: "2026-11-15", in: "USD", by: july)
        #expect(cost?.high == 36 && cost?.unpriced == 0)
        #expect(july.map(on: "2026-11-15", for: nil).market(of: "212") == "Morocco")
        let november = RateCard(from: "2026-11-01", currency: "USD", markets: [:])
        #expect(july.map(on: "2026-11-15", for: november).market(of: "212") == "Morocco")
    }

    @Test func aMapOfTheFolderCountsUntilALaterOne() {
        let maps = [
            MarketMap(from: "2026-12-01", codes: ["212": "Chad"]),
            MarketMap(from: "2026-07-01", codes: ["212": "Mexico"]),
        ]
        let book = RateBook(cards: Self.book.cards, maps: maps)
        func market(_ day: String) -> String { book.map(on: day, for: book.cards.last).market(of: "212") }
        #expect(
            ["2026-07-01", "2026-10-15", "2026-11-30", "2026-12-01"].map(market) == [
                "Mexico", "Mexico", "Mexico", "Chad",
            ]
        )
        #expect(market("2026-06-30") == "Morocco")
    }

    @Test func namesTheMarketsWithoutAPrice() throws {
        let counts = [
            NumberBeginning("254", recipients: 5, inWindow: 0), NumberBeginning("491", recipients: 1, inWindow: 0),
            NumberBeginning("821", recipients: 7, inWindow: 0),
        ]
        let cost = try #require(CostRules.estimate(counts, of: .marketing, on: "2026-10-01", in: "USD", by: Self.book))
        #expect(cost.unpriced == 8 && cost.unpricedMarkets == ["Other", "Germany"])
        let words = try #require(cost.unknownCosts)
        #expect(words.hasPrefix("has 8 recipients whose marketing price is not known: the USD prices from 2026-10-01"))
        #expect(words.contains("`Other`, `Germany`; add it to the prices beside the specs"))
        let limit = try #require(Money("USD 250"))
        #expect(cost.isBeyond(limit))
        let known = try #require(
            CostRules.estimate([counts[0]], of: .marketing, on: "2026-10-01", in: "USD", by: Self.book)
        )
        #expect(known.unknownCosts == nil && !known.isBeyond(limit))
    }

    /// Prices that a former version stored have no limit.
    @Test(arguments: RateCategory.allCases)
    func noPriceIsTooLargeToCountWith(category: RateCategory) throws {
        let most = 1_000_000_000 * Money.unit
        let rates = Dictionary(uniqueKeysWithValues: RateCategory.allCases.map { ($0, most) })
        let card = RateCard(from: "2026-10-01", currency: "USD", markets: ["Mexico": rates, "Other": rates])
        let book = RateBook(cards: [card])
        let counts = ["521", "999"].map { NumberBeginning($0, recipients: 11_000, inWindow: 0) }
        let cost = try #require(CostRules.estimate(counts, of: category, on: "2026-10-01", in: "USD", by: book))
        #expect(cost.high == .max && cost.words.hasPrefix("about USD 9,"))
        let charge = Charge(
            at: Date(timeIntervalSince1970: 1_800_000_000),
            type: "regular",
            category: "utility",
            beginning: "521",
            count: 11_000
        )
        let charged = ChargedCost([charge, charge], by: book, zone: .utc, currency: "USD")
        #expect(charged.micros == .max && charged.words?.isEmpty == false)
    }

    /// One recipient in the window and one outside; the price of a market in millionths.
    @Test(arguments: [
        ("2026-09-30", RateCategory.marketing, 45_000, 45_000, 0), ("2026-10-01", .marketing, 45_000, 45_000, 0),
        ("2026-09-30", .utility, 4_000, 4_000, 1), ("2026-10-01", .utility, 8_000, 8_000, 0),
        ("2026-09-30", .service, 0, 0, 2), ("2026-10-01", .service, 0, 8_000, 0),
        ("2026-09-30", .authentication, 8_000, 8_000, 0), ("2026-10-01", .authentication, 8_000, 18_000, 0),
    ])
    func theDateDecidesWhatIsFree(day: String, category: RateCategory, low: Int, high: Int, free: Int) throws {
        let cost = try #require(
            CostRules.estimate(
                [NumberBeginning("254", recipients: 2, inWindow: 1)],
                of: category,
                on: day,
                in: "USD",
                by: Self.book
            )
        )
        #expect((cost.low, cost.high, cost.free) == (low, high, free))
    }

    @Test func theDayIsThatOfTheAccount() throws {
        let instant = Date(timeIntervalSince1970: 1_790_802_000)  // 2026-09-30T21:00:00Z
        #expect(RateBook.day(of: instant, in: .utc) == "2026-09-30")
        let nairobi = try #require(IANAZone("Africa/Nairobi"))
        #expect(RateBook.day(of: instant, in: nairobi) == "2026-10-01")
        #expect(Self.book.card(on: "2026-06-30", currency: "USD") == nil)
        #expect(Self.book.card(on: "2026-09-30", currency: "USD")?.from == "2026-07-01")
        #expect(Self.book.card(on: "2026-10-01", currency: "EUR") == nil)
    }

    @Test func saysItInOneLine() throws {
        let counts = [
            NumberBeginning("521", recipients: 50, inWindow: 0),
            NumberBeginning("254", recipients: 3_100, inWindow: 480),
            NumberBeginning("821", recipients: 7, inWindow: 0),
        ]
        let july = CostRules.estimate(counts, of: .utility, on: "2026-08-01", in: "USD", by: Self.book)
        #expect(
            july?.words
                == "about USD 10.91: 2,620 utility Rest of Africa, 50 Mexico; 480 free; 7 without a price"
        )
        let service = CostRules.estimate(counts, of: .service, on: "2026-11-01", in: "USD", by: Self.book)
        #expect(
            service?.words
                == "about USD 8.60 to USD 12.83: 3,100 service Rest of Africa, 50 Mexico; up to 1,000 perhaps free; "
                + "7 without a price"
        )
        #expect(service.flatMap { CostEstimate(json: $0.json) } == service)
    }

    /// The oracle counts one message after the other.
    @Test(arguments: 0..<50)
    func sumsLikeOneMessageAfterTheOther(seed: UInt64) throws {
        var random = Dice(state: seed)
        let starts = ["254", "521", "573", "504", "821", "KE.", "1809", "999"]
        let counts = starts.map { start in
            let recipients = Int.random(in: 0...900, using: &random)
            return NumberBeginning(start, recipients: recipients, inWindow: .random(in: 0...recipients, using: &random))
        }
        let category = try #require(RateCategory.allCases.randomElement(using: &random))
        let day = try #require(["2026-07-01", "2026-09-30", "2026-10-01", "2027-01-31"].randomElement(using: &random))
        let cost = try #require(CostRules.estimate(counts, of: category, on: day, in: "USD", by: Self.book))
        let card = try #require(Self.book.card(on: day, currency: "USD"))
        var (free, unpriced, prices, most) = (0, 0, [Int](), 0)
        for count in counts {
            for index in 0..<count.recipients {
                let isOld = day < "2026-10-01"
                if isOld, category == .service || (category == .utility && index < count.inWindow) {
                    free += 1
                    continue
                }
                let market = Self.book.map(on: day, for: card).market(of: count.text)
                guard let price = card.rate(of: category, in: market) else {
                    unpriced += 1
                    continue
                }
                let other = category == .authentication ? card.rate(of: .authenticationInternational, in: market) : nil
                prices.append(min(price, other ?? price))
                most += max(price, other ?? price)
            }
        }
        prices.sort(by: >)
        let perhaps = category == .service ? min(1_000, prices.count) : 0
        #expect(cost.free == free && cost.unpriced == unpriced && cost.perhapsFree == perhaps)
        #expect(cost.high == most && cost.low == prices.dropFirst(perhaps).reduce(0, +))
        #expect(
            cost.free + cost.unpriced + cost.lines.map(\.messages).reduce(0, +) == counts.map(\.recipients).reduce(0, +)
        )
    }

    @Test func whatWasChargedHasThePriceOfItsDay() throws {
        let before = Date(timeIntervalSince1970: 1_790_772_300)  // 2026-09-30T12:45:00Z
        let charges = [
            Charge(at: before, type: "regular", category: "marketing", beginning: "521", count: 2),
            Charge(
                at: before.addingTimeInterval(86_400),
                type: "regular",
                category: "marketing",
                beginning: "521",
                count: 1
            ),
            Charge(at: before, type: "free_customer_service", category: "service", beginning: "521", count: 9),
            Charge(at: before, type: "regular", category: "general_purpose_ai", beginning: "521", count: 1),
        ]
        let cost = ChargedCost(charges, by: Self.book, zone: .utc, currency: "USD")
        #expect(cost.micros == 2 * 30_500 + 39_700)
        #expect((cost.paid, cost.free, cost.unpriced) == (4, 9, 1))
        #expect(cost.words == "USD 0.10: 3 marketing Mexico, 1 general_purpose_ai Mexico; 9 free; 1 without a price")
        // A day before all prices is no part of a sum.
        let early = Charge(
            at: Date(timeIntervalSince1970: 1_770_000_000),
            type: "regular",
            category: "marketing",
            beginning: "521",
            count: 7
        )
        let partly = ChargedCost(charges + [early], by: Self.book, zone: .utc, currency: "USD")
        #expect(partly.micros == cost.micros && partly.unpriced == 8)
        #expect(partly.lines.filter { $0.category == "marketing" }.map(\.messages) == [3, 7])
        #expect(ChargedCost(charges, by: nil, zone: .utc, currency: nil).words?.hasPrefix("3 marketing") == true)
        #expect(ChargedCost([], by: Self.book, zone: .utc, currency: "USD").words == nil)
    }
}
