import Foundation
import Testing

@testable import Spec

/// The folder of prices beside the specs, and limits that need it.
struct RateFilesTests {
    private static let header = "Market,Currency,Marketing,Utility,Authentication\n"
    private static let july = list(of: MarketMap.known[0])
    private static let prices = list(of: MarketMap.known[1])
    private static let tenant = "kind: Tenant\nname: acme\npolicy:\n  maxCost: USD 250\n"

    /// Writes a list of prices with all markets of a map.
    private static func list(of map: MarketMap) -> String {
        header + Set(map.codes.values).sorted().map { "\($0),USD,0.0397,0.0085,0.0085\n" }.joined()
    }

    private static func load(_ rates: [String: String], tenant: String = tenant) throws -> (SpecCatalog, [String]) {
        let manager = FileManager.default
        let parent = manager.temporaryDirectory.appending(path: "rates-\(UUID().uuidString)")
        defer {
            // What is left lies in the temporary folder.
            try? manager.removeItem(at: parent)
        }
        for (path, text) in rates.merging(
            ["campaigns/acme/tenant.yaml": tenant],
            uniquingKeysWith: { first, _ in first }
        ) {
            let file = parent.appending(path: path.contains("/") ? path : "rates/\(path)")
            try manager.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        let catalog = SpecCatalog.load(directory: parent.path + "/campaigns")
        return (
            catalog,
            catalog.diagnostics.map { finding in
                "\(finding.place.file.dropFirst(parent.path.count + 1)):\(finding.place.start.line) \(finding.message)"
            }
        )
    }

    /// October's map with another market for Morocco, which a second code still leads to.
    private static let kenya = RateTable.csv(
        MarketMap(
            from: "2026-10-01",
            codes: MarketMap.known[1].codes.merging(["212": "Kuwait", "211": "Morocco"]) { $1 }
        )
    )

    @Test func readsEachDateAndCurrency() throws {
        let (catalog, found) = try Self.load([
            "2026-07.csv": Self.july, "2026-10.CSV": Self.prices,
            "2026-10-eur.csv": Self.prices.replacing("USD", with: "EUR"), "README.md": "# Prices",
            "markets-2026-10.csv": Self.kenya, "notes.txt": "to do",
        ])
        #expect(found.isEmpty && catalog.isValid, "\(found)")
        let book = try #require(catalog.rates)
        #expect(
            book.cards.map { "\($0.from) \($0.currency)" } == ["2026-07-01 USD", "2026-10-01 EUR", "2026-10-01 USD"]
        )
        #expect(book.map(on: "2026-10-01", for: nil).market(of: "212") == "Kuwait")
        #expect(book.map(on: "2026-09-30", for: nil).market(of: "212") == "Rest of Africa")
        #expect(
            book.currency(limit: nil, billed: []) == "USD"
                && book.currency(limit: Money("EUR 1"), billed: ["USD"]) == "EUR"
        )
    }

    @Test func theCurrencyIsThatOfTheBills() throws {
        let account = "\n---\nkind: Account\nname: main\nwabaId: \"1\"\naccessToken: env:T\n"
        let tenant = "kind: Tenant\nname: acme"
        let rates = [
            "2026-10-eur.csv": Self.prices.replacing("USD", with: "EUR"),
            "2026-10-inr.csv": Self.prices.replacing("USD", with: "INR"),
        ]
        let (catalog, found) = try Self.load(rates, tenant: tenant + account + "currency: INR\n")
        #expect(found.isEmpty && catalog.rates?.currencies(of: catalog) == ["acme": "INR"], "\(found)")
        let none = try Self.load(rates, tenant: tenant + account).1
        #expect(
            none.count == 1 && none[0].contains("no costs are estimated: there are prices in `EUR` and `INR`"),
            "\(none)"
        )
        let other = try Self.load(["2026-10.csv": Self.prices], tenant: tenant + account + "currency: KES\n")
        #expect(other.1.count == 1 && other.1[0].contains(":8 there are no prices in KES"), "\(other.1)")
        #expect(other.0.rates?.currencies(of: other.0) == ["acme": "USD"])
    }

    @Test func aLimitNeedsPricesInItsCurrency() throws {
        let problem = "campaigns/acme/tenant.yaml:4 there are no prices in USD to compare `maxCost` with"
        #expect(try Self.load([:]).1 == [problem])
        #expect(try Self.load(["2026-10.csv": Self.prices.replacing("USD", with: "EUR")]).1 == [problem])
        #expect(try Self.load(["2026-10.csv": Self.prices]).1.isEmpty)
        #expect(try Self.load([:], tenant: "kind: Tenant\nname: acme\n").1.isEmpty)
        let wrong = try Self.load([:], tenant: "kind: Tenant\nname: acme\npolicy:\n  maxCost: 250\n").1
        #expect(wrong.first?.hasPrefix("campaigns/acme/tenant.yaml:4") == true)
    }

    @Test func filesThatCannotBeReadAreErrorsAtTheirLine() throws {
        let (catalog, found) = try Self.load([
            "2026-10.csv": Self.header + "# all\nPeru,USD,x,1,1\n", "october.csv": Self.prices,
            "2026-13.csv": Self.prices,
            "new.xlsx": "PK", "2026-07.csv": Self.july, "2026-07-usd.csv": Self.july,
        ])
        #expect(!catalog.isValid)
        #expect(found.contains("rates/2026-10.csv:3 `x` is not a price (Marketing)"))
        #expect(found.contains("rates/october.csv:1 `october.csv` does not tell from when it holds"))
        #expect(found.contains("rates/2026-13.csv:1 `2026-13.csv` does not tell from when it holds"))
        #expect(found.contains("rates/new.xlsx:1 a spreadsheet is not read"))
        #expect(found.contains("rates:1 two files have prices in USD from 2026-07-01"))
    }

    /// A file that is not read hides the prices; it is the only error.
    @Test(arguments: [
        ("2026-10.txt", prices, "is not read: it does not end with `.csv`"),
        ("2026-10-15.csv", prices, "does not tell from when it holds"),
        ("2026-10 (1).csv", prices, "does not tell from when it holds"),
        ("markets-2026-10-eur.csv", kenya, "does not tell from when it holds"),
        ("2026-10-eur.csv", prices, "has prices in USD"),
        ("2026-10.csv", "PK\u{3}\u{4}", "a spreadsheet is not read"),
        ("2026-10.csv", prices.replacing(",USD", with: ",\0USD"), "the text is not UTF-8"),
        ("2026-10.csv", header + "Mexico,USD,1000.5,1,1\n", "is more than 1,000 for one message"),
    ])
    func aFileThatIsNotReadIsTheOnlyError(name: String, text: String, problem: String) throws {
        let (catalog, found) = try Self.load([name: text])
        #expect(found.count == 1 && found[0].hasPrefix("rates/\(name):") && found[0].contains(problem), "\(found)")
        #expect(catalog.diagnostics.allSatisfy { $0.help?.isEmpty == false })
    }

    private static func warnings(_ rates: [String: String]) throws -> [String] {
        let (catalog, found) = try load(rates)
        #expect(catalog.isValid && catalog.diagnostics.allSatisfy { $0.code == .unpricedMarket && $0.help != nil })
        return found
    }

    @Test func marketsWithoutAPriceOrACodeAreWarnings() throws {
        let typo = try Self.warnings(["2026-10.csv": Self.prices.replacing("Mexico", with: "Mexiko")])
        #expect(typo.count == 1 && typo[0].hasSuffix("no calling code leads to `Mexiko`"), "\(typo)")
        let other = Self.prices.replacing("Other,USD,0.0397,0.0085,0.0085\n", with: "")
        #expect(
            try Self.warnings(["2026-10.csv": other]) == ["rates/2026-10.csv:1 the USD prices have none for `Other`"]
        )
        let one = try Self.warnings(["2026-10.csv": "# ours\n" + Self.header + "Other,USD,1,1,1\nAtlantis,USD,1,1,1\n"])
        #expect(
            one == [
                "rates/2026-10.csv:2 the USD prices have none for `Argentina`, `Bangladesh`, `Brazil`, `Chile`, `Colombia` and 41 "
                    + "more markets",
                "rates/2026-10.csv:4 no calling code leads to `Atlantis`",
            ],
            "\(one)"
        )
        // July's list without those of October is whole.
        #expect(try Self.warnings(["2026-07.csv": Self.july]).isEmpty)
    }

    @Test func marketsOfAMapNeedAPriceOfItsTime() throws {
        let map = Self.kenya.replacing("\n52,Mexico", with: "\n52,Mexcio")
        let found = try Self.warnings(["2026-10.csv": Self.prices, "markets-2026-10.csv": map])
        #expect(found.count == 2 && found[0].hasSuffix("no calling code leads to `Mexico`"), "\(found)")
        #expect(found.last?.hasSuffix("no prices of that time are for `Mexcio`") == true)
    }
}
