public import JSON
import Postgres
public import Spec

/// Builds the content of a row from its columns, or only compares it with the content of a spec.
///
/// Both use the same calls, so that every column that is read is also compared. A comparison allocates nothing that
/// outlives the call, and most rows of a plan equal their specs.
struct ContentReader {
    /// The content to compare with; `nil` to build the content.
    private let expected: JSONObject?
    let row: PostgresRow
    private(set) var content: JSONObject = [:]
    private var matched = 0
    private var differs = false

    init(_ row: PostgresRow, expecting expected: JSONObject? = nil) {
        (self.row, self.expected) = (row, expected)
    }

    /// True if the row has all expected fields, and no others.
    var agrees: Bool { expected.map { !differs && matched == $0.count } ?? false }

    /// Reads a text column, which may be NULL.
    mutating func text(_ column: String, as field: String? = nil) throws {
        let field = field ?? column
        guard let expected else {
            content[field] = try row.text(column)
            return
        }
        guard !differs else { return }
        let wanted = expected[field]
        if let text = wanted?.stringValue {
            note(try row.holds(text, in: column), wanted)
        } else {
            note(try row.checkText(of: column) { _ in false }, wanted)
        }
    }

    /// Reads a JSON column, which may be NULL; `canonical` normalises values that were edited by hand.
    mutating func json(
        _ column: String,
        as field: String? = nil,
        _ canonical: (JSONValue) -> JSONValue = { $0 }
    ) throws {
        let field = field ?? column
        guard let expected else {
            content[field] = try row.json(column).map(canonical)
            return
        }
        guard !differs else { return }
        let wanted = expected[field]
        note(try row.checkText(of: column) { bytes in wanted?.isWritten(as: bytes) ?? false }, wanted)
    }

    /// Reads a JSON column whose fields are fields of the content.
    mutating func fields(_ names: [String], of column: String, _ canonical: (JSONValue) -> JSONObject) throws {
        guard let expected else {
            for (field, value) in canonical(try row.json(column) ?? .null) { content[field] = value }
            return
        }
        guard !differs else { return }
        var wanted: JSONObject = [:]
        for name in names { wanted[name] = expected[name] }
        matched += wanted.count
        let isSame = try row.checkText(of: column) { bytes in JSONValue.object(wanted).isWritten(as: bytes) }
        if isSame != true { differs = true }
    }

    /// Sets a value that was read already; `nil` if the field is absent.
    mutating func set(_ field: String, _ value: JSONValue?) {
        guard let expected else {
            content[field] = value
            return
        }
        note(value.map { $0 == expected[field] }, expected[field])
    }

    /// Records the result of a comparison; `nil` if the row has no value.
    private mutating func note(_ isSame: Bool?, _ wanted: JSONValue?) {
        switch isSame {
        case true: matched += 1
        case nil: differs = differs || wanted != nil
        default: differs = true
        }
    }
}

/// The rows of one kind as they were fetched, not decoded yet.
public struct StoredRows: Sendable {
    let kind: SpecKind
    let rows: PostgresRows

    /// Reads the rows on all cores; blocks, and must not be called on a thread of the cooperative pool.
    ///
    /// - Parameter expected: Returns the content of the spec of a row in comparable form, so that a row with equal
    ///   content need not be decoded; `nil` if the row has no spec.
    /// - Returns: The rows, in no order.
    /// - Throws: `PostgresError`, or `JSONError` when a number in a row is beyond all bounds.
    public func read(expecting expected: @Sendable (SpecIdentity) -> JSONValue?) throws -> [ManagedRow] {
        let table = kind.table
        let results = rows.parallelMap { row in
            Result { try table.row(row, kind: kind, expecting: expected) }
        }
        return try results.map { try $0.get() }
    }
}
