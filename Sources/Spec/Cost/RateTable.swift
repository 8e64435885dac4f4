/// One row of a list as text cells, with its line in the file.
public struct TableRow: Hashable, Sendable {
    public let line: Int
    public let cells: [String]

    /// Makes a row.
    public init(line: Int, cells: [String]) { (self.line, self.cells) = (line, cells) }

    /// Reads comma-separated values, whose quoted cells may hold commas, quotes and line breaks.
    public static func read(csv text: String) -> [TableRow] {
        var (rows, cells, cell) = ([TableRow](), [String](), "")
        var (line, start, isQuoted) = (1, 1, false)
        func end() {
            cells.append(cell)
            rows.append(TableRow(line: start, cells: cells))
            (cells, cell, start) = ([], "", line + 1)
        }
        var characters = text.hasPrefix("\u{FEFF}") ? text.dropFirst()[...] : text[...]
        while let character = characters.popFirst() {
            switch character {
            case "\"" where isQuoted && characters.first == "\"": cell.append(characters.removeFirst())
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                cells.append(cell)
                cell = ""
            // A carriage return and the line feed after it are one character.
            case let some where some.isNewline:
                if isQuoted { cell.append("\n") } else { end() }
                line += 1
            default: cell.append(character)
            }
        }
        if !cells.isEmpty || !cell.isEmpty { end() }
        return rows
    }
}

/// The reason why a list of prices cannot be read, with its place and a remedy.
public struct RateProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line in the file, from 1.
    public let line: Int
    public let message: String
    public let help: String

    init(_ line: Int, _ message: String, help: String) { (self.line, self.message, self.help) = (line, message, help) }

    public var description: String { "line \(line): \(message); \(help)" }
}

/// Reads lists of prices as Meta publishes them, and as this project keeps them, which is the same without what stands around.
public enum RateTable {
    private enum Column: Hashable {
        case market, currency
        case rate(RateCategory)

        init?(title: String) {
            switch String(title.lowercased().filter(\.isLetter)) {
            case "market": self = .market
            case "currency": self = .currency
            case let name:
                let category = RateCategory.allCases.first { $0.rawValue.filter(\.isLetter) == name }
                guard let category else { return nil }
                self = .rate(category)
            }
        }
    }

    /// Reads the prices below the row that begins with `Market`.
    ///
    /// - Parameters:
    ///   - rows: The rows; those before the header are ignored, and so are empty ones and comments.
    ///   - from: The first day of the prices.
    /// - Returns: The cards by currency, sorted.
    /// - Throws: ``RateProblem``.
    public static func cards(in rows: [TableRow], from: String) throws(RateProblem) -> [RateCard] {
        try located(in: rows, from: from).map(\.card)
    }

    /// A card with the places of its markets.
    struct LocatedCard {
        let card: RateCard
        /// The line of the header.
        let header: Int
        /// The lines by the names of the markets.
        let lines: [String: Int]
    }

    /// Reads cards as ``cards(in:from:)`` does, with the places of their markets.
    static func located(in rows: [TableRow], from: String) throws(RateProblem) -> [LocatedCard] {
        guard let start = rows.firstIndex(where: { $0.cells.first.map { Column(title: $0) == .market } ?? false })
        else {
            throw RateProblem(
                1,
                "no row begins with `Market`",
                help: "take the list of rates, not that of volume tiers"
            )
        }
        let columns = try columns(of: rows[start])
        var cards: [String: [String: RateCard.Rates]] = [:]
        var lines: [String: [String: Int]] = [:]
        var known: Set<String> = []
        for row in rows[(start + 1)...] where !isEmpty(row) {
            var (market, currency, rates) = ("", "", RateCard.Rates())
            for (index, cell) in row.cells.enumerated() where index < columns.count || !squeezed(cell).isEmpty {
                let text = squeezed(cell)
                guard index < columns.count, let column = columns[index] else {
                    guard text.isEmpty else {
                        throw RateProblem(row.line, "`\(text)` stands in no column", help: "remove it")
                    }
                    continue
                }
                switch column {
                case .market: market = text
                case .currency: currency = text == "$US" ? "USD" : text
                case .rate(let category): rates[category] = try rate(text, category, row.line)
                }
            }
            guard !market.isEmpty, Money.isCurrency(currency) else {
                let help = "give each row a market and a currency of three letters"
                throw RateProblem(row.line, "the row has no market or no currency", help: help)
            }
            if let dear = rates.first(where: { $0.value > Money.mostRate }) {
                let price = Money(currency: currency, micros: dear.value).words
                let help = "write the price of one message in units of the currency, such as 0.0397"
                throw RateProblem(
                    row.line,
                    "\(price) is more than 1,000 for one message (\(dear.key.title))",
                    help: help
                )
            }
            guard known.insert("\(currency) \(MarketName.key(of: market))").inserted else {
                throw RateProblem(row.line, "`\(market)` is there twice in \(currency)", help: "remove one of the rows")
            }
            cards[currency, default: [:]][market] = rates
            lines[currency, default: [:]][market] = row.line
        }
        guard !cards.isEmpty else {
            throw RateProblem(rows[start].line, "there are no prices", help: "add a row for each market")
        }
        return cards.sorted { $0.key < $1.key }.map { currency, markets in
            LocatedCard(
                card: RateCard(from: from, currency: currency, markets: markets),
                header: rows[start].line,
                lines: lines[currency] ?? [:]
            )
        }
    }

    private static func columns(of header: TableRow) throws(RateProblem) -> [Column?] {
        var columns: [Column?] = []
        for title in header.cells.map(squeezed) {
            guard !title.isEmpty else {
                columns.append(nil)
                continue
            }
            guard let column = Column(title: title), !columns.contains(column) else {
                let known = "Market, Currency, " + RateCategory.allCases.map(\.title).joined(separator: ", ")
                throw RateProblem(
                    header.line,
                    "unknown or repeated column `\(title)`",
                    help: "the columns are \(known)"
                )
            }
            columns.append(column)
        }
        for needed in [Column.currency, .rate(.marketing), .rate(.utility), .rate(.authentication)]
        where !columns.contains(needed) {
            let help = "the columns Currency, Marketing, Utility and Authentication are needed"
            throw RateProblem(header.line, "a column is missing", help: help)
        }
        return columns
    }

    /// Reads a price; `nil` if the market has none.
    private static func rate(_ text: String, _ category: RateCategory, _ line: Int) throws(RateProblem) -> Int? {
        guard !text.isEmpty, text.lowercased() != "n/a" else { return nil }
        guard let micros = Money.micros(text) else {
            let help = "write a number such as 0.0397 with at most six places, or n/a"
            throw RateProblem(line, "`\(text)` is not a price (\(category.title))", help: help)
        }
        return micros
    }

    /// Reads the markets of calling codes below the header `Code,Market`.
    ///
    /// - Throws: ``RateProblem``.
    public static func map(in rows: [TableRow], from: String) throws(RateProblem) -> MarketMap {
        try located(mapIn: rows, from: from).map
    }

    /// A map with the line on which each of its markets is named first.
    struct LocatedMap {
        let map: MarketMap
        let lines: [String: Int]
    }

    /// Reads a map as ``map(in:from:)`` does, with the places of its markets.
    static func located(mapIn rows: [TableRow], from: String) throws(RateProblem) -> LocatedMap {
        let filled = rows.filter { !isEmpty($0) }
        guard let header = filled.first, header.cells.map({ squeezed($0).lowercased() }) == ["code", "market"] else {
            throw RateProblem(
                filled.first?.line ?? 1,
                "the columns are not `Code,Market`",
                help: "write them in the first row"
            )
        }
        var codes: [String: String] = [:]
        var lines: [String: Int] = [:]
        for row in filled.dropFirst() {
            let cells = row.cells.map(squeezed)
            guard cells.count == 2, (1...MarketMap.width).contains(cells[0].utf8.count), !cells[1].isEmpty,
                cells[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), codes[cells[0]] == nil,
                cells[0].utf8.count < MarketMap.width || cells[0].hasPrefix("1")
            else {
                let help = "write a code once, with 1 to 3 digits (4 after a 1), and its market"
                throw RateProblem(
                    row.line,
                    "`\(cells.joined(separator: ","))` is not a code with its market",
                    help: help
                )
            }
            codes[cells[0]] = cells[1]
            lines[cells[1]] = lines[cells[1]] ?? row.line
        }
        return LocatedMap(map: MarketMap(from: from, codes: codes), lines: lines)
    }

    private static func isEmpty(_ row: TableRow) -> Bool {
        row.cells.allSatisfy { squeezed($0).isEmpty } || row.cells.first?.hasPrefix("#") ?? false
    }

    private static func squeezed(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

extension RateTable {
    /// Writes cards as comma-separated values that ``cards(in:from:)`` reads.
    public static func csv(_ cards: [RateCard]) -> String {
        var lines = ["Market,Currency," + RateCategory.allCases.map(\.title).joined(separator: ",")]
        for card in cards {
            lines += card.markets.sorted { $0.key < $1.key }.map { market, rates in
                let prices = RateCategory.allCases.map { category in
                    rates[category].map { String(Money(currency: card.currency, micros: $0).description.dropFirst(4)) }
                        ?? "n/a"
                }
                let name =
                    market.contains { ",\"".contains($0) } ? "\"\(market.replacing("\"", with: "\"\""))\"" : market
                return ([name, card.currency] + prices).joined(separator: ",")
            }
        }
        return lines.map { "\($0)\n" }.joined()
    }

    /// Writes a map as comma-separated values that ``map(in:from:)`` reads.
    public static func csv(_ map: MarketMap) -> String {
        "Code,Market\n" + map.codes.sorted { $0.key < $1.key }.map { "\($0.key),\($0.value)\n" }.joined()
    }
}
