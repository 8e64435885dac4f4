import Foundation
import Testing

@testable import Spec

/// The folder of prices beside the specs, and limits that need it.
struct RateFilesTests {
    private static let prices = "Market,Currency,Marketing,Utility,Authentication\nMexico,USD,0.0397,0.0085,0.0085\n"
    private static let tenant = "kind: Tenant\nname: acme\npolicy:\n  maxCost: USD 250\n"

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

    @Test func readsEachDateAndCurrency() throws {
        let (catalog, found) = try Self.load([
            "2026-07.csv": Self.prices, "2026-10.csv": Self.prices,
            "2026-10-eur.csv": Self.prices.replacing("USD", with: "EUR"), "README.md": "# Prices",
            "markets-2026-10.csv": "Code,Market\n254,Kenya\n",
        ])
        #expect(found.isEmpty && catalog.isValid)
        let book = try #require(catalog.rates)
        #expect(
            book.cards.map { "\($0.from) \($0.currency)" } == ["2026-07-01 USD", "2026-10-01 EUR", "2026-10-01 USD"]
        )
        #expect(book.map(on: "2026-10-01").market(of: "254") == "Kenya")
        #expect(book.map(on: "2026-09-30").market(of: "254") == "Rest of Africa")
        #expect(book.currency(limit: nil) == "USD" && book.currency(limit: Money("EUR 1")) == "EUR")
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
            "2026-10.csv": Self.prices + "Peru,USD,x,1,1\n", "october.csv": Self.prices, "2026-13.csv": Self.prices,
            "new.xlsx": "PK", "2026-07.csv": Self.prices, "2026-07-usd.csv": Self.prices,
        ])
        #expect(!catalog.isValid)
        #expect(found.contains("rates/2026-10.csv:3 `x` is not a price (Marketing)"))
        #expect(found.contains("rates/october.csv:1 `october.csv` does not tell from when it holds"))
        #expect(found.contains("rates/2026-13.csv:1 `2026-13.csv` does not tell from when it holds"))
        #expect(found.contains("rates/new.xlsx:1 a spreadsheet is not read"))
        #expect(found.contains("rates:1 two files have prices in USD from 2026-07-01"))
    }
}
