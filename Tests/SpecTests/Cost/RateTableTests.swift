import Foundation
import Testing

@testable import Spec

/// Lists of prices as Meta publishes them, and as they stand beside specs.
struct RateTableTests {
    private static let csv = """
        WhatsApp Business Platform rates,,,,,,
        "Effective July 1, 2026",,,,,,
        ,,,,,,
        Market,Currency,Marketing,Utility,Authentication,"Authentication-
        International",Service
        Mexico,$US,0.0305,0.0085,0.0085,n/a,n/a
        "Rest of Central & Eastern Europe",USD,0.0860,8.0E-4,0.0160,0.02,
        """

    private static func cards(_ text: String) throws -> [RateCard] {
        try RateTable.cards(in: TableRow.read(csv: text), from: "2026-07-01")
    }

    @Test func readsTheDownload() throws {
        let card = try #require(try Self.cards(Self.csv).first)
        #expect(card.currency == "USD" && card.markets.count == 2)
        #expect(card.rate(of: .marketing, in: "Mexico") == 30_500)
        #expect(card.rate(of: .service, in: "Mexico") == nil)
        #expect(card.rate(of: .utility, in: "Rest of Central and Eastern Europe") == 800)
        #expect(card.rate(of: .authenticationInternational, in: "Rest of Central & Eastern Europe") == 20_000)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let cards = try Self.cards(Self.csv)
        #expect(try Self.cards("# a comment\n" + RateTable.csv(cards)) == cards)
        let book = RateBook(cards: cards, maps: [MarketMap(from: "2026-07-01", codes: ["254": "Kenya"])])
        #expect(RateBook(json: book.json) == book)
        let map = book.map(on: "2026-07-01", for: cards.first)
        #expect(map.market(of: "254") == "Kenya")
        #expect(try RateTable.map(in: TableRow.read(csv: RateTable.csv(map)), from: map.from) == map)
    }

    @Test(arguments: [
        ("a,b\n", "no row begins with `Market`"),
        ("Market,Currency,Marketing,Utility,Authentication,Tier\n", "unknown or repeated column `Tier`"),
        ("Market,Currency,Marketing,Utility\n", "a column is missing"),
        (
            "Market,Currency,Marketing,Utility,Authentication\nChad,USD,x,1,1\n",
            "line 2: `x` is not a price (Marketing)"
        ),
        ("Market,Currency,Marketing,Utility,Authentication\nChad,USD,-1,1,1\n", "`-1` is not a price"),
        ("Market,Currency,Marketing,Utility,Authentication\nChad,USD,0.0000001,1,1\n", "is not a price"),
        ("Market,Currency,Marketing,Utility,Authentication\nChad,,1,1,1\n", "no market or no currency"),
        ("Market,Currency,Marketing,Utility,Authentication\nChad,USD,1,1,1,7\n", "`7` stands in no column"),
        ("Market,Currency,Marketing,Utility,Authentication\nChad,USD,1,1,1\nChad,USD,1,1,1\n", "twice"),
        (
            "Market,Currency,Marketing,Utility,Authentication\nTurkey,USD,1,1,1\nTürkiye,USD,2,1,1\n",
            "line 3: `Türkiye` is there twice"
        ),
        (
            "Market,Currency,Marketing,Utility,Authentication\nChad,USD,1,1,1000.01\n",
            "line 2: USD 1,000.01 is more than 1,000 for one message (Authentication)"
        ),
        ("Market,Currency,Marketing,Utility,Authentication\n\n", "there are no prices"),
    ])
    func namesThePlaceAndTheRemedy(text: String, problem: String) {
        let error = #expect(throws: RateProblem.self) { try Self.cards(text) }
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
        #expect(error?.help.isEmpty == false)
    }

    @Test(arguments: [
        ("0.0397", 39_700), ("8.0E-4", 800), ("3.9699999999999999E-2", 39_700), ("250", 250_000_000), ("0", 0),
        ("1234567.89", 1_234_567_890_000), ("", nil), ("1,5", nil), ("nan", nil), ("0x1p3", nil), ("-0.1", nil),
    ])
    func readsNumbersInMillionths(text: String, micros: Int?) { #expect(Money.micros(text) == micros) }

    @Test func writesAmounts() {
        #expect(Money("USD 250")?.description == "USD 250.00")
        #expect(Money("0.0008EUR")?.description == "EUR 0.0008")
        #expect(Money(currency: "USD", micros: 1_212_395_000).words == "USD 1,212.40")
        #expect(Money(currency: "USD", micros: 800).words == "USD 0.0008")
        let (limit, more) = (Money(currency: "USD", micros: 750_000), Money(currency: "USD", micros: 750_200))
        #expect(more.words(beside: limit) == "USD 0.7502" && limit.words(beside: more) == "USD 0.75")
        #expect(Money(currency: "USD", micros: 760_200).words(beside: limit) == "USD 0.76")
        for text in ["", "250", "USD", "USD 1 000", "usd 5", "US 5", "USD five", "USD -5"] {
            #expect(Money(text) == nil)
        }
    }

    /// The spreadsheet has padding, a line break in the header, a text of several formats, a missing cell and binary fractions.
    @Test func readsTheSpreadsheetWhateverItsName() throws {
        let bytes = Array(try #require(Data(base64Encoded: Self.spreadsheet, options: .ignoreUnknownCharacters)))
        let cards = try RateTable.cards(in: TableRow.read(bytes), from: "2026-10-01")
        let card = try #require(cards.first)
        #expect(cards.count == 1 && card.currency == "USD" && card.markets.count == 2)
        #expect(
            card.markets["Mexico"] == [.marketing: 39_700, .utility: 8_500, .authentication: 8_500, .service: 8_500]
        )
        #expect(card.rate(of: .utility, in: "Rest of Central & Eastern Europe") == 800)
        #expect(card.rate(of: .authenticationInternational, in: "Rest of Central & Eastern Europe") == nil)
        #expect(try TableRow.read(Array(Self.csv.utf8)) == TableRow.read(csv: Self.csv))
    }

    @Test(arguments: [(String.Encoding.utf16, 1), (.isoLatin1, 6)])
    func aTextInAnotherEncodingIsRefused(encoding: String.Encoding, line: Int) throws {
        let bytes = Array(try #require((Self.csv + "\nTürkiye,USD,1,1,1,1,1\n").data(using: encoding)))
        let error = #expect(throws: RateProblem.self) { try TableRow.read(bytes) }
        #expect(error?.message == "the text is not UTF-8" && error?.help.isEmpty == false)
        #expect(encoding == .utf16 ? error?.line == line : error?.line ?? 0 > line)
    }

    @Test func aDamagedSpreadsheetIsRefused() throws {
        let bytes = Array(try #require(Data(base64Encoded: Self.spreadsheet, options: .ignoreUnknownCharacters)))
        for length in stride(from: 4, to: bytes.count, by: 7) {
            #expect(throws: RateProblem.self) { try TableRow.read(Array(bytes.prefix(length))) }
        }
        for place in 4..<bytes.count {
            var damaged = bytes
            damaged[place] ^= 0xFF
            // It is refused, or the damage was in what is not read; it never crashes.
            _ = try? RateTable.cards(in: TableRow.read(damaged), from: "2026-10-01")
        }
    }

    private static let spreadsheet = """
        UEsDBBQAAAAIAMBLfl3HHBc8CgAAAAgAAAATAAAAW0NvbnRlbnRfVHlwZXNdLnhtbLMJqSxILda3AwBQSwMEFAAAAAgAwEt+XdsK
        zOIzAQAARgIAABQAAAB4bC9zaGFyZWRTdHJpbmdzLnhtbH1SwU7DMAy98xVRhDixpRvShEabCY0hcUAgxj4gy9w1ok2K407b3+N2
        0oAOcYni5+c8+znpbF+VYgcYXfCZHA0TKcDbsHF+m8nV++PgVopIxm9MGTxk8gBRzvRFGiMJLvUxkwVRPVUq2gIqE4ehBs+ZPGBl
        iEPcqlgjmE0sAKgq1ThJJqoyzkthQ+OJZW+kaLz7bGB+AnQanU5JL/IcLLkdiBdLYQ0oRtdinIwnqSKdqpZ0JD4b/ADqo/MGkQc6
        /M3mKfuJFbnS0Rn/vqECPDlriJ36Pzu4ePIE6LvAlH3yEnDnLPyGsWsK9kcUOwBf+VirNm5vneHTWBvLe2BHI78DUjsbTkU/VC5X
        y76wV6YPvQHvMeRizt2jKcWVqeo7sTCx7V8sGuRtnjm0fPiGFH8E/QVQSwMEFAAAAAgAwEt+XS8iAtofAQAA6QMAABgAAAB4bC93
        b3Jrc2hlZXRzL3NoZWV0MS54bWyVk21ugzAMhq+C8h9IgVCYAlU3AhfYDoBatKIVqAiCHn8JoBQn1T7yg4T4eS3bsenh3lytsep5
        3bUJ2jkYWVV76s51+5mgj/fcjtAhpVPXf/FLVQ0pPXVXPn+tppYKZDXlfd6n+jxcEuRh5KbUXbhZlJVDmdK+m6xegkItD0chGRLE
        xf+YYuqOUrTaXoWNS1Z6EkKl9sT9rWyl7WUvreu9r7z6q/Lhe6f5NgkPEm8m4UMiM4kAEswkCCRykwghUZjEXhGgLIFKPzAkkZa+
        ScRa+gvhLYk7cRiDxWytXNmWjxyCwQqZrRWP/ZMv/s6DohBVFGL2hN4UTxC9K8gmDOzgSHvPjIAwMbP1lvgNyJ8EoQ1G8YOPJXl3
        M3LuY26/AVBLAQIUAxQAAAAIAMBLfl3HHBc8CgAAAAgAAAATAAAAAAAAAAAAAACAAQAAAABbQ29udGVudF9UeXBlc10ueG1sUEsB
        AhQDFAAAAAgAwEt+XdsKzOIzAQAARgIAABQAAAAAAAAAAAAAAIABOwAAAHhsL3NoYXJlZFN0cmluZ3MueG1sUEsBAhQDFAAAAAgA
        wEt+XS8iAtofAQAA6QMAABgAAAAAAAAAAAAAAIABoAEAAHhsL3dvcmtzaGVldHMvc2hlZXQxLnhtbFBLBQYAAAAAAwADAMkAAAD1
        AgAAAAA=
        """
}
