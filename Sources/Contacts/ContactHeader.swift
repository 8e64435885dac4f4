import Spec

/// The first line of a contacts file: which field of a record goes into which column.
struct ContactHeader: Sendable {
    /// A field of each record.
    enum Field: Hashable, Sendable {
        case column(ContactColumn)
        case metadata(key: String)
    }

    /// The fields, with the names that the file gives them, in the order of the file.
    let fields: [(name: String, field: Field)]
    /// The columns that an import fills, `metadata` last and once.
    let columns: [ContactColumn]
    /// For each of `columns` but `metadata`, the index of its field.
    let indexes: [Int]
    /// The fields that make up `metadata`, with their keys as JSON texts.
    let metadata: [(index: Int, json: [UInt8])]

    /// Reads the names of the columns.
    ///
    /// - Throws: ``ContactImportError/header(file:problems:)`` with all that is wrong.
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
                problems.append("column `\(name)` is there twice; remove one")
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
                json.appendJSON(string: Array(key.utf8)[...])
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
        let near = known.map { (distance: distance(name.lowercased(), $0.lowercased()), name: $0) }
            .min { $0.distance < $1.distance }
        if let near, near.distance <= max(1, name.count / 3) {
            return "unknown column `\(name)`; did you mean `\(near.name)`?"
        }
        return "unknown column `\(name)`; known are \(known.joined(separator: ", ")) and metadata.<key>"
    }

    /// How many letters must change, or neighbours swap, to make one word of the other.
    private static func distance(_ left: String, _ right: String) -> Int {
        let one = Array(left.unicodeScalars.prefix(64))
        let other = Array(right.unicodeScalars)
        var rows = [Array(0...other.count)]
        for (index, letter) in one.enumerated() {
            var row = [index + 1]
            for column in other.indices {
                var best = min(rows[index][column] + (letter == other[column] ? 0 : 1), row[column] + 1)
                best = min(best, rows[index][column + 1] + 1)
                if index > 0, column > 0, letter == other[column - 1], one[index - 1] == other[column] {
                    best = min(best, rows[index - 1][column - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[one.count][other.count]
    }
}
