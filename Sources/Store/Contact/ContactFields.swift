public import Foundation
import Postgres
public import Spec

/// The value of a column that a placeholder may name.
public enum ContactValue: Hashable, Sendable {
    case text(String)
    case integer(Int)
    case timestamp(Date)
}

/// The columns of a contact that the message to it may name.
public struct ContactFields: Sendable {
    private let values: [ContactColumn: ContactValue]
    /// A JSON object.
    public let metadata: String

    public init(_ values: [ContactColumn: ContactValue], metadata: String = "{}") {
        self.values = values
        self.metadata = metadata
    }

    /// The value of a column; `nil` if the contact has none.
    public subscript(column: ContactColumn) -> ContactValue? { values[column] }

    private static let names = (ContactColumn.placeholders + [.metadata]).map(\.rawValue)
    /// The columns to select, of `contacts AS c`.
    static let selection = PostgresQuery(sql: names.map { "c.\"\($0)\"" }.joined(separator: ", "))
    /// The names of the same columns, to read from a query that selected them.
    static let columns = PostgresQuery(sql: names.map { "\"\($0)\"" }.joined(separator: ", "))

    init(row: PostgresRow) throws(PostgresError) {
        var values: [ContactColumn: ContactValue] = [:]
        values.reserveCapacity(ContactColumn.placeholders.count)
        for column in ContactColumn.placeholders { values[column] = try ContactValue(row: row, column: column) }
        self.init(values, metadata: try row.decode(ContactColumn.metadata.rawValue, as: PostgresJSON.self).text)
    }
}

extension ContactValue {
    fileprivate init?(row: PostgresRow, column: ContactColumn) throws(PostgresError) {
        let value: ContactValue? =
            switch column.type {
            case .text: try row.decode(column.rawValue, as: String?.self).map(ContactValue.text)
            case .integer: try row.decode(column.rawValue, as: Int?.self).map(ContactValue.integer)
            case .timestamp: try row.decode(column.rawValue, as: Date?.self).map(ContactValue.timestamp)
            case .textList, .boolean, .object: nil
            }
        guard let value else { return nil }
        self = value
    }
}
