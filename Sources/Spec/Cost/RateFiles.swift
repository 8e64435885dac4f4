import Foundation
import Spelling

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
    /// The texts of the files, by their paths.
    private(set) var sources: [String: String] = [:]

    private var cards: [CardFile] = []
    private var maps: [MapFile] = []

    private struct CardFile {
        let path: String
        let located: RateTable.LocatedCard
    }

    private struct MapFile {
        let path: String
        let located: RateTable.LocatedMap
    }

    /// Reads the files beside a folder of specs; blocks while it reads.
    public init(beside directory: String) {
        folder = SpecEnvironments.folder("rates", beside: directory)
        for name in Self.names(in: folder) { read(name) }
        for (index, file) in cards.enumerated() {
            let card = file.located.card
            let isTwice = cards[..<index].contains {
                ($0.located.card.from, $0.located.card.currency) == (card.from, card.currency)
            }
            guard isTwice else { continue }
            let message = "two files have prices in \(card.currency) from \(card.from)"
            report(folder, message, "put each date and currency into one file")
        }
        guard !cards.isEmpty else { return }
        let book = RateBook(cards: cards.map(\.located.card), maps: maps.map(\.located.map))
        self.book = book
        checkMarkets(of: book)
    }

    /// True if a file cannot be read, so that prices may be missing.
    var isBroken: Bool { diagnostics.contains { $0.severity == .error } }

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

    private mutating func read(_ name: String) {
        let path = "\(folder)/\(name)"
        let ending = name.lowercased()
        let help = "call it after its first month, such as `2026-10.csv`, `2026-10-eur.csv` or `markets-2026-10.csv`"
        guard ending.hasSuffix(".csv") else {
            if ending.hasSuffix(".xlsx") || ending.hasSuffix(".xls") { return reportSpreadsheet(path) }
            // Other files, such as `README.md`, are not about prices.
            guard name.hasPrefix("markets-") || Self.day(ofMonth: String(name.prefix(7))) != nil else { return }
            return report(path, "`\(name)` is not read: it does not end with `.csv`", help)
        }
        guard let title = Title(name) else { return report(path, "`\(name)` does not tell from when it holds", help) }
        switch SpecFiles.bytes(of: path) {
        case .failure(let failure): diagnostics.append(failure.diagnostic(of: path))
        case .success(let bytes):
            guard !TableRow.isSpreadsheet(bytes) else { return reportSpreadsheet(path) }
            sources[path] = String(decoding: bytes, as: UTF8.self)
            do throws(RateProblem) {
                let rows = TableRow.read(csv: try TableRow.text(bytes))
                if title.isMap {
                    maps.append(MapFile(path: path, located: try RateTable.located(mapIn: rows, from: title.from)))
                } else {
                    let read = try RateTable.located(in: rows, from: title.from)
                    cards += read.map { CardFile(path: path, located: $0) }
                    let others = read.map(\.card.currency).filter { title.currency != nil && $0 != title.currency }
                    guard let other = others.first else { return }
                    let help =
                        "call it `\(title.from.prefix(7))-\(other.lowercased()).csv`, or `\(title.from.prefix(7)).csv`"
                    report(path, "`\(name)` has prices in \(other)", help)
                }
            } catch {
                report(path, line: error.line, .invalidValue, error.message, error.help)
            }
        }
    }

    private mutating func reportSpreadsheet(_ path: String) {
        report(path, "a spreadsheet is not read", "write it as CSV with `campaignd rates convert`")
    }

    private mutating func report(
        _ path: String,
        line: Int,
        _ code: DiagnosticCode,
        _ message: String,
        _ help: String?
    ) {
        let text = sources[path] ?? ""
        let before = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(line - 1)
        let offset = before.map { $0.utf8.count + 1 }.reduce(0, +)
        let position = SourcePlace.Position(line: line, column: 1, offset: offset)
        let place = SourcePlace(file: path, start: position, end: position)
        diagnostics.append(Diagnostic(code, at: place, message, help: help))
    }

    private mutating func report(_ path: String, _ message: String, _ help: String) {
        diagnostics.append(Diagnostic(.invalidValue, at: SourcePlace(file: path), message, help: help))
    }

    /// Returns the first day of a month such as `2026-10`; `nil` for anything else.
    public static func day(ofMonth month: String) -> String? {
        guard let match = month.wholeMatch(of: /([0-9]{4})-(0[1-9]|1[0-2])/), match.1 >= "2000" else { return nil }
        return "\(month)-01"
    }

    /// The facts that the name of a file tells: `2026-10.csv`, `2026-10-eur.csv`, `markets-2026-10.csv`.
    private struct Title {
        let isMap: Bool
        /// The first day.
        let from: String
        /// The currency of all prices; `nil` if the name does not tell it.
        let currency: String?

        init?(_ name: String) {
            let form = /(markets-)?([0-9]{4}-[0-9]{2})(?:-([A-Za-z]{3}))?\.(?i:csv)/
            guard let match = name.wholeMatch(of: form), let from = RateFiles.day(ofMonth: String(match.2)),
                match.1 == nil || match.3 == nil
            else { return nil }
            (isMap, self.from, currency) = (match.1 != nil, from, match.3.map { $0.uppercased() })
        }
    }
}

extension RateFiles {
    /// Warns of markets to which no calling code leads, and of markets of calling codes that have no price.
    ///
    /// Both are mostly one misspelt name. A market without a price counts as nothing in estimates, and `policy.maxCost` refuses it.
    private mutating func checkMarkets(of book: RateBook) {
        for file in cards {
            let card = file.located.card
            let end = book.cards.first { $0.currency == card.currency && $0.from > card.from }?.from
            let later = book.maps.filter { $0.from > card.from && $0.from < end ?? "9999" }
            let first = book.map(on: card.from, for: card)
            let reached = Set(([first] + later).flatMap(\.codes.values)).union([MarketName.other])
            let isBuiltIn = !book.maps.contains(first)
            let corrected = warnOfUnreached(file, reached)
            // Markets of a map of the folder are reported there.
            let needed = isBuiltIn ? Set(first.codes.values) : []
            let own = Set(card.markets.keys.map(MarketName.key))
            let missing = needed.union([MarketName.other]).subtracting(corrected).sorted()
                .filter { !own.contains(MarketName.key(of: $0)) }
            guard !missing.isEmpty else { continue }
            report(
                file.path,
                line: file.located.header,
                .unpricedMarket,
                "the \(card.currency) prices have none for \(Self.list(missing))",
                "messages to numbers of \(missing.count == 1 ? "this market" : "these markets") have no price: take the whole "
                    + "list of rates"
            )
        }
        for file in maps { warnOfUnpriced(file, book) }
    }

    /// Reports the markets of a card to which no code leads; returns the markets that are probably meant.
    private mutating func warnOfUnreached(_ file: CardFile, _ reached: Set<String>) -> Set<String> {
        let card = file.located.card
        let keys = Set(reached.map(MarketName.key))
        let own = Set(card.markets.keys.map(MarketName.key))
        let free = reached.filter { !own.contains(MarketName.key(of: $0)) }.sorted()
        var (corrected, others): (Set<String>, [String]) = ([], [])
        let unreached = card.markets.keys.filter { !keys.contains(MarketName.key(of: $0)) }
            .sorted { (file.located.lines[$0] ?? 0) < (file.located.lines[$1] ?? 0) }
        for market in unreached {
            let near = SpellingSuggestion.candidates(for: market, among: free)
            guard !near.isEmpty else {
                others.append(market)
                continue
            }
            corrected.formUnion(near)
            let help = "did you mean \(SpellingSuggestion.list(near, "or"))?"
            let line = file.located.lines[market] ?? 1
            report(file.path, line: line, .unpricedMarket, "no calling code leads to `\(market)`", help)
        }
        if let first = others.first {
            let help = "the markets of codes are built in, unless `markets-\(card.from.prefix(7)).csv` names them"
            let line = file.located.lines[first] ?? 1
            report(file.path, line: line, .unpricedMarket, "no calling code leads to \(Self.list(others))", help)
        }
        return corrected
    }

    /// Reports the markets of a map for which no card of its time has prices.
    private mutating func warnOfUnpriced(_ file: MapFile, _ book: RateBook) {
        let map = file.located.map
        let end = book.maps.first { $0.from > map.from }?.from ?? "9999"
        let known = book.cards.enumerated().filter { index, card in
            let next = book.cards[(index + 1)...].first { $0.currency == card.currency }?.from
            return card.from < end && next ?? "9999" > map.from
        }
        .flatMap { $0.element.markets.keys }
        guard !known.isEmpty else { return }
        let keys = Set(known.map(MarketName.key))
        for (market, line) in file.located.lines.sorted(by: { $0.value < $1.value }) {
            guard market != MarketName.other, !keys.contains(MarketName.key(of: market)) else { continue }
            let near = SpellingSuggestion.candidates(for: market, among: Set(known))
            let help =
                near.isEmpty
                ? "add a row for it to the prices" : "did you mean \(SpellingSuggestion.list(near.sorted(), "or"))?"
            report(file.path, line: line, .unpricedMarket, "no prices of that time are for `\(market)`", help)
        }
    }

    /// Lists the first markets of several.
    private static func list(_ markets: [String]) -> String {
        guard markets.count > 6 else { return SpellingSuggestion.list(markets, "and") }
        return markets.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + " and \(markets.count - 5) more markets"
    }
}
