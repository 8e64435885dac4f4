import JSON
import Spec
import Spelling

/// The first line of a contacts file, which assigns the fields of records to columns.
struct ContactHeader: Sendable {
    /// A field of each record.
    enum Field: Hashable, Sendable {
        case column(ContactColumn)
        case metadata(key: String)
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
    /// - Throws: ``ContactImportError/header(file:problems:)`` with all problems.
    init(_ record: CSVRecord, file: String) throws(ContactImportError) {
        var problems: [String] = []
        var fields: [(name: String, field: Field)] = []
        for index in 0..<record.count {
            let name = String(decoding: record[index].trimmed, as: UTF8.self)
            guard let field = Self.field(named: name) else {
                problems.append(Self.unknown(name, number: index + 1))
                continue
            }
            if fields.contains(where: { $0.field == field }) {
                problems.append("column `\(name)` appears twice; remove one")
            }
            fields.append((name, field))
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
        guard let column = ContactColumn(rawValue: name), column != .metadata else { return nil }
        return .column(column)
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
