import Foundation

/// The folder `rates` beside a folder of specs: a list of prices for each date, and perhaps maps of markets.
///
/// `2026-10.csv` has the prices from October 2026 on, `2026-10-eur.csv` those of another currency, and `markets-2026-10.csv` the
/// markets of calling codes.
public struct RateFiles: Sendable {
    /// The folder, whether it exists or not.
    public let folder: String
    /// The prices; `nil` without any.
    public private(set) var book: RateBook?
    /// The findings on files that cannot be read.
    private(set) var diagnostics: [Diagnostic] = []
    /// The texts of the files with findings, by their paths.
    private(set) var sources: [String: String] = [:]

    /// Reads the files beside a folder of specs; blocks while it reads.
    public init(beside directory: String) {
        folder = SpecEnvironments.folder("rates", beside: directory)
        var (cards, maps): ([RateCard], [MarketMap]) = ([], [])
        for name in Self.names(in: folder) { read(name, &cards, &maps) }
        for (index, card) in cards.enumerated() {
            guard cards[..<index].contains(where: { ($0.from, $0.currency) == (card.from, card.currency) }) else {
                continue
            }
            let message = "two files have prices in \(card.currency) from \(card.from)"
            report(folder, message, "put each date and currency into one file")
        }
        if !cards.isEmpty { book = RateBook(cards: cards, maps: maps) }
    }

    /// Returns the files beside a folder of specs, for those who watch for changes.
    package static func files(beside directory: String) -> [SpecFiles.File] {
        let folder = SpecEnvironments.folder("rates", beside: directory)
        return names(in: folder).map { name in
            SpecFiles.File(path: "\(folder)/\(name)", tenant: nil, target: "\(folder)/\(name)")
        }
    }

    private static func names(in folder: String) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            // There is no such folder, or it cannot be listed; `maxCost` without prices is reported.
            return []
        }
    }

    private mutating func read(_ name: String, _ cards: inout [RateCard], _ maps: inout [MarketMap]) {
        let path = "\(folder)/\(name)"
        guard name.hasSuffix(".csv") else {
            guard name.hasSuffix(".xlsx") || name.hasSuffix(".xls") else { return }
            let help = "write it as CSV with `campaignd rates convert`"
            return report(path, "a spreadsheet is not read", help)
        }
        let isMap = name.hasPrefix("markets-")
        guard let from = Self.day(in: isMap ? name.dropFirst(8) : name[...]) else {
            let help =
                "call it after its first month, such as `2026-10.csv`, `2026-10-eur.csv` or `markets-2026-10.csv`"
            return report(path, "`\(name)` does not tell from when it holds", help)
        }
        switch SpecFiles.bytes(of: path) {
        case .failure(let failure): diagnostics.append(failure.diagnostic(of: path))
        case .success(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            let rows = TableRow.read(csv: text)
            do throws(RateProblem) {
                if isMap {
                    maps.append(try RateTable.map(in: rows, from: from))
                } else {
                    cards += try RateTable.cards(in: rows, from: from)
                }
            } catch {
                sources[path] = text
                let before = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(error.line - 1)
                let offset = before.map { $0.utf8.count + 1 }.reduce(0, +)
                let position = SourcePlace.Position(line: error.line, column: 1, offset: offset)
                let place = SourcePlace(file: path, start: position, end: position)
                diagnostics.append(Diagnostic(.invalidValue, at: place, error.message, help: error.help))
            }
        }
    }

    private mutating func report(_ path: String, _ message: String, _ help: String) {
        diagnostics.append(Diagnostic(.invalidValue, at: SourcePlace(file: path), message, help: help))
    }

    /// Returns the first day of a month such as `2026-10`; `nil` for anything else.
    public static func day(ofMonth month: String) -> String? { month.utf8.count == 7 ? day(in: month[...] + ".") : nil }

    /// Reads the month with which a name begins: `2026-10.csv`, `2026-10-eur.csv`.
    private static func day(in name: Substring) -> String? {
        let month = name.prefix(7)
        let parts = month.split(separator: "-", omittingEmptySubsequences: false)
        guard month.utf8.count == 7, parts.count == 2, parts[0].utf8.count == 4, let year = Int(parts[0]),
            let number = Int(parts[1]), year >= 2000, (1...12).contains(number), !name.contains("+"),
            let next = name.dropFirst(7).first, next == "." || next == "-"
        else { return nil }
        return "\(month)-01"
    }
}
