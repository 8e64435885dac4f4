import Foundation
import JSON
import Spec
import Spelling

/// The first line of a contacts file, which assigns the fields of records to columns.
struct ContactHeader: Sendable {
    /// A field of each record.
    enum Field: Hashable, Sendable {
        case column(ContactColumn)
        case metadata(key: String)
        /// Left out of the import.
        case ignored
    }

    /// The fields with their names in the file, in the order of the file.
    let fields: [(name: String, field: Field)]
    /// The columns that the import fills; `metadata` is the last.
    let columns: [ContactColumn]
    /// The index of the field of each column except `metadata`.
    let indexes: [Int]
    /// The fields of `metadata`, with their keys as JSON strings.
    let metadata: [(index: Int, json: [UInt8])]

    /// Reads the names of the columns.
    ///
    /// - Parameters:
    ///   - record: The first record of the file.
    ///   - file: The path of the file, for errors.
    ///   - names: The columns of names that the file has, for names that are not understood by themselves.
    /// - Throws: ``ContactImportError/header(file:problems:)`` with all problems.
    init(_ record: CSVRecord, file: String, names: [String: String] = [:]) throws(ContactImportError) {
        var problems: [String] = []
        var fields: [(name: String, field: Field)] = []
        // Spreadsheets write the empty columns behind the last one, too.
        let last = (0..<record.count).last { !record[$0].trimmed.isEmpty } ?? -1
        var unused = names
        for index in 0..<record.count {
            let name = Self.text(record[index].trimmed)
            if name.isEmpty, index > last, last >= 0 {
                fields.append((name, .ignored))
                continue
            }
            let meant = names[name]
            unused[name] = nil
            let isLeftOut = meant == "-" || (meant == nil && name == RefusedRows.column)
            guard let field = isLeftOut ? .ignored : Self.field(named: meant ?? name) else {
                problems.append(Self.unknown(meant ?? name, number: index + 1))
                continue
            }
            if field != .ignored, fields.contains(where: { $0.field == field }) {
                problems.append("column `\(name)` appears twice; remove one")
            }
            fields.append((name, field))
        }
        for name in unused.keys.sorted() {
            problems.append("there is no column `\(name)`, which `--column` names")
        }
        if !fields.contains(where: { $0.field == .column(.contactId) }) {
            problems.append("column `contactId` is missing")
        }
        guard problems.isEmpty else { throw .header(file: file, problems: problems) }
        self.init(fields)
    }

    private init(_ fields: [(name: String, field: Field)]) {
        self.fields = fields
        var columns: [ContactColumn] = []
        var indexes: [Int] = []
        var metadata: [(index: Int, json: [UInt8])] = []
        for (index, entry) in fields.enumerated() {
            switch entry.field {
            case .column(let column):
                columns.append(column)
                indexes.append(index)
            case .metadata(let key):
                var json: [UInt8] = []
                JSONText.append(String(key), to: &json)
                metadata.append((index, json))
            case .ignored: break
            }
        }
        self.columns = metadata.isEmpty ? columns : columns + [.metadata]
        self.indexes = indexes
        self.metadata = metadata
    }

    private static let known = ContactColumn.importable.map(\.rawValue)

    private static func field(named name: String) -> Field? {
        if name.hasPrefix("metadata.") {
            let key = name.dropFirst("metadata.".count)
            let isUsable = !key.isEmpty && key.utf8.count <= 100 && !key.utf8.contains(0)
            return isUsable ? .metadata(key: String(key)) : nil
        }
        guard let column = spellings[plain(name)] else { return nil }
        return .column(column)
    }

    /// The columns by their names in small letters without separators, and by names that other programs use.
    private static let spellings: [String: ContactColumn] = {
        var spellings = Dictionary(uniqueKeysWithValues: ContactColumn.importable.map { (plain($0.rawValue), $0) })
        let usual: [ContactColumn: String] = [
            .contactId: """
            phone phonenumber phoneno mobile mobilenumber mobileno mobilephone cell cellphone cellnumber tel telephone \
            telephonenumber whatsapp whatsappnumber whatsappphone waid msisdn telefon telefono celular movil telefone \
            telemovel portable handy handynummer simu
            """,
            .name: "fullname customername contactname displayname nombre nome nom jina",
            .email: "mail emailaddress mailaddress correo courriel",
            .yearOfBirth: "birthyear",
        ]
        for (column, names) in usual {
            for name in names.split(separator: " ") { spellings[String(name)] = column }
        }
        return spellings
    }()

    /// Returns a name in small letters without accents, blanks and separators.
    private static func plain(_ name: String) -> String {
        name.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil).filter {
            $0.isLetter || $0.isNumber
        }
    }

    /// Returns the text of a name, which may be written in Windows-1252.
    private static func text(_ name: ArraySlice<UInt8>) -> String {
        String(decoding: name.isUTF8 ? name : Windows1252.utf8(of: name)[...], as: UTF8.self)
    }

    private static func unknown(_ name: String, number: Int) -> String {
        if name.isEmpty { return "column \(number) has no name" }
        if name == "metadata" || name.hasPrefix("metadata.") {
            return "column `\(name)` needs a key of up to 100 bytes, such as `metadata.company`"
        }
        let candidates = SpellingSuggestion.candidates(for: name, among: known)
        if !candidates.isEmpty {
            return "unknown column `\(name)`; did you mean \(SpellingSuggestion.list(candidates, "or"))?"
        }
        return "unknown column `\(name)`; known are \(known.joined(separator: ", ")) and metadata.<key>"
    }
}
