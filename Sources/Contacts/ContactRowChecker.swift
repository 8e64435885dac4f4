import Calendar
import JSON
import Spec
import Store

/// Checks the records of a contacts file and adds the valid ones to a batch.
struct ContactRowChecker {
    private let header: ContactHeader
    private let numbers: PhoneNumberReader
    private let emptyClears: Bool
    /// The problems of the latest record; empty if it was added.
    private(set) var problems: [RowProblem] = []
    /// The oddity of the latest record, if it has one and was added.
    private(set) var warning: RowProblem?
    /// The oddity of the number in the latest record.
    private var oddity: String?
    /// True once a text was not UTF-8; the file is taken for one in Windows-1252 then.
    private(set) var isWindows1252 = false
    private var hasUTF8 = false
    /// Buffer that is reused for each row.
    private var scratch: [UInt8] = []

    init(header: ContactHeader, options: ContactImportOptions = ContactImportOptions()) {
        self.header = header
        numbers = PhoneNumberReader(country: options.country)
        emptyClears = options.emptyClears
    }

    /// Adds the record to the batch, or sets ``problems``.
    mutating func add(_ record: CSVRecord, to batch: inout ContactImportBatch) {
        problems.removeAll(keepingCapacity: true)
        (warning, oddity) = (nil, nil)
        guard record.count == header.fields.count else {
            let message = "has \(record.count) fields, the header has \(header.fields.count)"
            problems.append(RowProblem(line: record.line, column: nil, message: message))
            return
        }
        let record = checkedText(of: record)
        guard problems.isEmpty else { return }
        batch.beginRow()
        for (column, index) in zip(header.columns, header.indexes) {
            if let message = append(record[index], as: column, to: &batch) {
                problems.append(RowProblem(line: record.line, column: header.fields[index].name, message: message))
            }
        }
        if !header.metadata.isEmpty { appendMetadata(of: record, to: &batch) }
        if problems.isEmpty { batch.endRow() } else { batch.discardRow() }
        if let oddity, problems.isEmpty {
            warning = RowProblem(line: record.line, column: ContactColumn.contactId.rawValue, message: oddity)
        }
    }

    /// Returns the record in UTF-8, or adds its problems.
    ///
    /// A file that had no letter outside ASCII in UTF-8 before the first one that is not UTF-8 is one in Windows-1252, as
    /// spreadsheets save it.
    private mutating func checkedText(of record: CSVRecord) -> CSVRecord {
        var record = record
        if !record.isASCII {
            let isUTF8 = (0..<record.count).allSatisfy { record[$0].isUTF8 }
            if isUTF8, !isWindows1252 { hasUTF8 = true }
            if !isUTF8, !hasUTF8 { isWindows1252 = true }
            if isWindows1252 { record = record.mapped(Windows1252.utf8(of:)) }
        }
        for index in 0..<record.count {
            let message: String? =
                if !record.isASCII, !record[index].isUTF8 {
                    "is not UTF-8; save the file as UTF-8"
                } else if record[index].contains(0) {
                    "has a NUL byte"
                } else {
                    nil
                }
            guard let message else { continue }
            problems.append(RowProblem(line: record.line, column: header.fields[index].name, message: message))
        }
        return record
    }

    /// Adds one cell; returns its problem if it is invalid.
    private mutating func append(
        _ field: ArraySlice<UInt8>,
        as column: ContactColumn,
        to batch: inout ContactImportBatch
    ) -> String? {
        let cell = field.trimmed
        if cell.isEmpty, column != .contactId {
            batch.appendNull()
            return nil
        }
        switch column.definition.cell {
        case .phone: return appendPhone(cell, to: &batch)
        case .text(let maximum):
            let length = cell.characterCount
            guard length <= maximum else { return "has \(length) characters, at most \(maximum) fit" }
            batch.append(cell)
            return nil
        case .number(let range): return appendNumber(cell, in: range, to: &batch)
        case .time: return appendTime(cell, to: &batch)
        case .boolean: return appendBoolean(cell, to: &batch)
        case .tags: return appendTags(cell, to: &batch)
        case .keys: return nil
        }
    }

    /// Appends an id of WhatsApp: an international phone number, digits only, or a user id where only that is known.
    private mutating func appendPhone(_ cell: ArraySlice<UInt8>, to batch: inout ContactImportBatch) -> String? {
        if UserID.isUserID(cell) {
            guard cell.count <= ContactRules.longestID else {
                return "is a user id of \(cell.count) characters, at most \(ContactRules.longestID) fit"
            }
            batch.append(cell)
            return nil
        }
        do throws(PhoneNumberReader.Problem) {
            let number = try numbers.read(utf8: cell)
            batch.append(number.digits.utf8)
            oddity = number.warning.map { Self.quoted(cell) + " " + $0 }
            return nil
        } catch {
            return cell.isEmpty ? error.description : Self.quoted(cell) + " " + error.description
        }
    }

    private func appendNumber(
        _ cell: ArraySlice<UInt8>,
        in range: ClosedRange<Int>,
        to batch: inout ContactImportBatch
    ) -> String? {
        guard let number = cell.digits, range.contains(number) else {
            return Self.quoted(cell) + " is not a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
        batch.append(cell)
        return nil
    }

    private func appendTime(_ cell: ArraySlice<UInt8>, to batch: inout ContactImportBatch) -> String? {
        // Postgres accepts zones up to 15:59 from UTC; a time in the year 1 may be before its first one once converted to UTC.
        guard cell.count <= 35, cell.first?.isDigit == true, !cell.starts(with: "0001-01-01".utf8),
            Instant(String(decoding: cell, as: UTF8.self)) != nil, Self.isZoneUsable(cell)
        else {
            return Self.quoted(cell) + " is not a time: write 2025-01-31, or 2025-01-31T08:00:00Z with its zone"
        }
        batch.append(cell.count == 10 ? Array(cell) + Array("T00:00:00Z".utf8) : Array(cell))
        return nil
    }

    private static func isZoneUsable(_ time: ArraySlice<UInt8>) -> Bool {
        guard time.count > 20, let last = time.last, last | 0x20 != UInt8(ascii: "z") else { return true }
        guard let hours = time.suffix(5).prefix(2).digits else { return false }
        return hours <= 14
    }

    private func appendBoolean(_ cell: ArraySlice<UInt8>, to batch: inout ContactImportBatch) -> String? {
        let word = cell.count <= 20 ? String(decoding: cell, as: UTF8.self).lowercased() : ""
        switch word {
        case _ where Self.yes.contains(word): batch.append("t".utf8)
        case _ where Self.no.contains(word): batch.append("f".utf8)
        default: return Self.quoted(cell) + " is neither true nor false (yes, no, 1 and 0 work as well)"
        }
        return nil
    }

    /// The words of spreadsheets and people for true, in the languages of most spreadsheets.
    private static let yes: Set = [
        "true", "yes", "1", "y", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "si", "verdadeiro", "sim", "vero",
        "sì", "waar",
        "sant", "sand", "prawda", "tak", "истина", "да", "ndiyo", "kweli", "doğru", "evet",
    ]
    private static let no: Set = [
        "false", "no", "0", "n", "falsch", "nein", "faux", "non", "falso", "não", "nao", "onwaar", "nee", "falskt",
        "nej",
        "falsk", "fałsz", "nie", "ложь", "нет", "hapana", "uongo", "yanlış", "hayır",
    ]

    private func appendTags(_ cell: ArraySlice<UInt8>, to batch: inout ContactImportBatch) -> String? {
        var tags: [ArraySlice<UInt8>] = []
        for part in cell.split(whereSeparator: { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "|") }) {
            let tag = part.trimmed
            if tag.characterCount > 100 { return "has a tag of more than 100 characters" }
            if !tag.isEmpty, !tags.contains(tag) { tags.append(tag) }
        }
        batch.append(tags: tags)
        return nil
    }

    private mutating func appendMetadata(of record: CSVRecord, to batch: inout ContactImportBatch) {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(UInt8(ascii: "{"))
        for entry in header.metadata {
            let cell = record[entry.index].trimmed
            if cell.isEmpty, !emptyClears { continue }
            if scratch.count > 1 { scratch.append(UInt8(ascii: ",")) }
            scratch += entry.json
            scratch.append(UInt8(ascii: ":"))
            if cell.isEmpty { scratch += "null".utf8 } else { JSONText.append(utf8: cell, to: &scratch) }
        }
        scratch.append(UInt8(ascii: "}"))
        batch.append(scratch)
    }

    private static func quoted(_ cell: ArraySlice<UInt8>) -> String {
        let text = String(decoding: cell, as: UTF8.self)
        return text.count > 40 ? "`\(text.prefix(40))…`" : "`\(text)`"
    }
}

extension ArraySlice<UInt8> {
    /// The bytes without spaces and tabs at both ends.
    var trimmed: ArraySlice<UInt8> {
        var (start, end) = (startIndex, endIndex)
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return self[start..<end]
    }

    /// The length of this UTF-8 text as Postgres counts it.
    var characterCount: Int { reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 } }

    /// True if the bytes are valid UTF-8.
    var isUTF8: Bool { String(validating: self, as: UTF8.self) != nil }

    /// The value of up to ten digits; `nil` for any other text.
    var digits: Int? {
        guard !isEmpty, count <= 10, allSatisfy(\.isDigit) else { return nil }
        return reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}

extension UInt8 {
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isBlank: Bool { self == 0x20 || self == 0x09 }
}

/// The reason why a row was not imported.
public struct RowProblem: Hashable, Sendable, CustomStringConvertible {
    /// The line that the row begins on, from 1; the header is line 1.
    public let line: Int
    /// Name of the column; `nil` if the problem concerns the whole row.
    public let column: String?
    public let message: String

    public init(line: Int, column: String?, message: String) {
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String {
        "line \(line): " + (column.map { "\($0): " } ?? "") + message
    }
}
