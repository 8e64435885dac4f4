public import JSON
import Postgres
public import Spec

/// Puts the content of a row together from its columns, or only finds out whether it is what a spec wants.
///
/// Both ways go through the same calls, so that no column is read and not compared. To compare makes nothing that lives
/// longer than the call, and most rows of a plan are as their specs want them.
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

    /// A text column, which may be NULL.
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

    /// A JSON column whose fields are fields of the content.
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

    /// A value that was read already; `nil` if the field is absent.
    mutating func set(_ field: String, _ value: JSONValue?) {
        guard let expected else {
            content[field] = value
            return
        }
        note(value.map { $0 == expected[field] }, expected[field])
    }

    /// Takes down what a comparison gave; `nil` if there is nothing in the row.
    private mutating func note(_ isSame: Bool?, _ wanted: JSONValue?) {
        switch isSame {
        case true: matched += 1
        case nil: differs = differs || wanted != nil
        default: differs = true
        }
    }
}

/// The rows of one kind as the database gave them, not looked at yet.
public struct StoredRows: Sendable {
    let kind: SpecKind
    let rows: PostgresRows

    /// Reads the rows on all cores; blocks, and must not be called on a thread of the cooperative pool.
    ///
    /// - Parameter expected: What the spec of a row wants, in comparable form, so that a row which holds just that need
    ///   not be taken apart; `nil` if it has none.
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
