import ArgumentParser
import CommandKit
import Foundation
import Spec

struct RatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rates",
        abstract: "Prepare the prices that plans and launches count with.",
        discussion: """
            Examples:
              campaignd rates convert ~/Downloads/rates-usd.csv --from 2026-10
            """,
        subcommands: [ConvertRatesCommand.self]
    )
}

struct ConvertRatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write the prices of Meta's downloads as a file beside the specs.",
        discussion: """
            Takes the lists of rates of WhatsApp's page on pricing as they are, as CSV or XLSX, whatever they are called; the \
            lists of volume tiers are not needed. Several currencies become one file.

            Examples:
              campaignd rates convert ~/Downloads/rates-usd.csv --from 2026-10
              campaignd rates convert usd.xlsx eur.xlsx --from 2026-10 --into rates --markets
            """
    )

    @Argument(help: "The downloads.", completion: .file(extensions: ["csv", "xlsx"]))
    var files: [String]

    @Option(help: ArgumentHelp("The month from which the prices hold.", valueName: "2026-10"))
    var from: String

    @Option(help: "The folder, which stands beside that of the specs.", completion: .directory)
    var into = "rates"

    @Flag(help: "Also write the markets of calling codes, to change them.")
    var markets = false

    func validate() throws {
        guard RateFiles.day(ofMonth: from) != nil else {
            throw ValidationError("--from takes a month such as 2026-10.")
        }
    }

    func run() async throws {
        guard let day = RateFiles.day(ofMonth: from) else { return }
        var cards: [RateCard] = []
        for file in files {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw RatesFileError(file, "it cannot be read")
            }
            let read: [RateCard]
            do { read = try RateTable.cards(in: TableRow.read(Array(data)), from: day) } catch {
                throw RatesFileError(file, "\(error)")
            }
            if let twice = read.first(where: { card in cards.contains { $0.currency == card.currency } }) {
                throw RatesFileError(file, "another file has prices in \(twice.currency) as well; leave one out")
            }
            cards += read
        }
        try FileManager.default.createDirectory(atPath: into, withIntermediateDirectories: true)
        let heading =
            "# WhatsApp's prices from \(day) on, written by `campaignd rates convert`; n/a is not to be had.\n"
        try write(heading + RateTable.csv(cards.sorted { $0.currency < $1.currency }), to: "\(into)/\(from).csv")
        for card in cards { Terminal.complain("  \(card.currency): \(card.markets.count) markets\n") }
        guard markets else { return }
        let map = RateBook(cards: cards).map(on: day, for: cards.first)
        try write(
            "# The market of each calling code; what is in none is Other.\n" + RateTable.csv(map),
            to: "\(into)/markets-\(from).csv"
        )
    }

    private func write(_ text: String, to path: String) throws {
        try Terminal.write(text, to: path)
        Terminal.complain("wrote \(path)\n")
    }
}

private struct RatesFileError: Error, CustomStringConvertible {
    let description: String

    init(_ file: String, _ problem: String) { description = "\(file): \(problem)" }
}
