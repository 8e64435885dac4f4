import Foundation

extension TableRow {
    /// Returns true for the bytes of a spreadsheet (XLSX), which is a ZIP archive, whatever the name of the file.
    static func isSpreadsheet(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) }

    /// Reads a file of comma-separated values, or a spreadsheet (XLSX), whatever its name: the signature of ZIP decides.
    ///
    /// - Throws: ``RateProblem`` for a spreadsheet that cannot be read, and for a text that is not UTF-8.
    public static func read(_ bytes: [UInt8]) throws(RateProblem) -> [TableRow] {
        guard isSpreadsheet(bytes) else { return read(csv: try text(bytes)) }
        let archive = try ZIPArchive(bytes)
        let texts = try archive.text(of: "xl/sharedStrings.xml").map(Spreadsheet.sharedTexts) ?? []
        let sheets = archive.names.filter { $0.hasPrefix("xl/worksheets/") && $0.hasSuffix(".xml") }.sorted()
        for sheet in sheets {
            let rows = Spreadsheet.rows(try archive.text(of: sheet) ?? "", texts)
            if rows.contains(where: { $0.cells.first?.lowercased().filter(\.isLetter) == "market" }) { return rows }
        }
        throw RateProblem(1, "no sheet has a row that begins with `Market`", help: "take the list of rates")
    }

    /// Reads UTF-8.
    ///
    /// Spreadsheet programs also write UTF-16 and Latin-1, in which the names of markets would not be recognized.
    ///
    /// - Throws: ``RateProblem`` at the first line that is not UTF-8.
    static func text(_ bytes: [UInt8]) throws(RateProblem) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(0) { return text }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let line = lines.firstIndex { $0.contains(0) || String(validating: $0, as: UTF8.self) == nil } ?? 0
        throw RateProblem(line + 1, "the text is not UTF-8", help: "save it as CSV with the encoding UTF-8")
    }
}

/// Reads the XML of a spreadsheet.
///
/// No library for spreadsheets is used: those for Swift bring a parser for XML and a ZIP library of their own, and a list of prices
/// needs nothing but the texts of the cells.
enum Spreadsheet {
    /// Returns the texts that cells refer to by their number.
    static func sharedTexts(_ xml: String) -> [String] { elements("si", in: xml[...]).map { text(in: $0.content) } }

    /// Returns the rows of a sheet, with empty cells where it leaves some out.
    static func rows(_ xml: String, _ texts: [String]) -> [TableRow] {
        elements("row", in: xml[...]).enumerated().map { index, row in
            var cells: [String] = []
            for cell in elements("c", in: row.content) {
                let column = attribute("r", of: cell.attributes).map(column) ?? cells.count
                while cells.count < column, column < 1_000 { cells.append("") }
                cells.append(text(of: cell, texts))
            }
            return TableRow(line: attribute("r", of: row.attributes).flatMap { Int($0) } ?? index + 1, cells: cells)
        }
    }

    private static func text(of cell: Element, _ texts: [String]) -> String {
        let value = elements("v", in: cell.content).first.map { unescaped($0.content) } ?? ""
        switch attribute("t", of: cell.attributes) {
        case "s": return Int(value).flatMap { texts.indices.contains($0) ? texts[$0] : nil } ?? ""
        case "inlineStr": return text(in: cell.content)
        default: return value
        }
    }

    /// Joins the parts of a text that has several formats.
    private static func text(in xml: Substring) -> String {
        elements("t", in: xml).map { unescaped($0.content) }.joined()
    }

    /// Returns the number of the column of a cell such as `B7`, from 0.
    private static func column(_ place: String) -> Int {
        place.prefix(while: \.isLetter).prefix(3).utf8.reduce(0) { $0 * 26 + Int($1 & 0x1F) } - 1
    }

    private struct Element {
        let attributes: Substring
        let content: Substring
    }

    /// Returns the elements of a name, which never contain one another here.
    private static func elements(_ name: String, in xml: Substring) -> [Element] {
        var elements: [Element] = []
        var rest = xml
        while let start = rest.range(of: "<\(name)") {
            rest = rest[start.upperBound...]
            guard let next = rest.first, next == ">" || next == "/" || next.isWhitespace,
                let end = rest.firstIndex(of: ">")
            else { continue }
            let attributes = rest[..<end]
            rest = rest[rest.index(after: end)...]
            guard !attributes.hasSuffix("/") else {
                elements.append(Element(attributes: attributes.dropLast(), content: ""))
                continue
            }
            guard let close = rest.range(of: "</\(name)>") else { break }
            elements.append(Element(attributes: attributes, content: rest[..<close.lowerBound]))
            rest = rest[close.upperBound...]
        }
        return elements
    }

    private static func attribute(_ name: String, of attributes: Substring) -> String? {
        guard let start = attributes.range(of: " \(name)=\"") else { return nil }
        return attributes[start.upperBound...].split(separator: "\"", maxSplits: 1, omittingEmptySubsequences: false)
            .first
            .map(unescaped)
    }

    private static func unescaped(_ text: Substring) -> String {
        var text = String(text)
        for (code, character) in [
            ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#10;", "\n"), ("_x000a_", "\n"),
            ("&amp;", "&"),
        ] {
            text = text.replacing(code, with: character)
        }
        return text
    }
}

/// The files of a ZIP archive.
struct ZIPArchive {
    private struct Entry {
        let method: Int
        let start: Int
        let size: Int
    }

    /// The largest size of a file after it is unpacked, so that a small archive cannot fill the memory.
    private static let mostBytes = 32 << 20

    private let bytes: [UInt8]
    private var entries: [String: Entry] = [:]

    /// Reads the directory at the end of an archive.
    init(_ bytes: [UInt8]) throws(RateProblem) {
        self.bytes = bytes
        // The record at the end is 22 bytes long, and a comment of at most 64 KB may follow it.
        let first = max(0, bytes.count - 22 - 65_535)
        guard bytes.count >= 22,
            let end = stride(from: bytes.count - 22, through: first, by: -1).first(where: {
                number(at: $0, 4) == 0x0605_4B50
            })
        else { throw Self.broken }
        var place = number(at: end + 16, 4)
        for _ in 0..<number(at: end + 10, 2) {
            guard number(at: place, 4) == 0x0201_4B50 else { throw Self.broken }
            let (length, extra, comment) = (
                number(at: place + 28, 2), number(at: place + 30, 2), number(at: place + 32, 2)
            )
            guard place + 46 + length <= bytes.count else { throw Self.broken }
            let name = String(decoding: bytes[(place + 46)..<(place + 46 + length)], as: UTF8.self)
            let header = number(at: place + 42, 4)
            entries[name] = Entry(
                method: number(at: place + 10, 2),
                start: header + 30 + number(at: header + 26, 2) + number(at: header + 28, 2),
                size: number(at: place + 20, 4)
            )
            place += 46 + length + extra + comment
        }
    }

    private static let broken = RateProblem(
        1,
        "the spreadsheet is damaged",
        help: "download it again, or save it as CSV"
    )

    var names: [String] { Array(entries.keys) }

    /// Returns a file as text; `nil` if there is none.
    func text(of name: String) throws(RateProblem) -> String? {
        guard let entry = entries[name] else { return nil }
        guard entry.start + entry.size <= bytes.count else { throw Self.broken }
        let packed = bytes[entry.start..<(entry.start + entry.size)]
        switch entry.method {
        case 0: return String(decoding: packed, as: UTF8.self)
        case 8:
            var inflater = Inflater(packed, limit: Self.mostBytes)
            guard let unpacked = inflater.inflate() else { throw Self.broken }
            return String(decoding: unpacked, as: UTF8.self)
        default: throw Self.broken
        }
    }

    /// Reads a number whose lowest byte comes first; 0 beyond the end.
    private func number(at place: Int, _ width: Int) -> Int {
        guard place >= 0, place + width <= bytes.count else { return 0 }
        return bytes[place..<(place + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
