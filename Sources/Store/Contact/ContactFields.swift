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
    /// The columns whose value could not be read, each with the reason; they count as columns without a value.
    public let unreadable: [ContactColumn: String]

    public init(
        _ values: [ContactColumn: ContactValue],
        metadata: String = "{}",
        unreadable: [ContactColumn: String] = [:]
    ) {
        self.values = values
        self.metadata = metadata
        self.unreadable = unreadable
    }

    /// The value of a column; `nil` if the contact has none.
    public subscript(column: ContactColumn) -> ContactValue? { values[column] }

    private static let names = (ContactColumn.placeholders + [.metadata]).map(\.rawValue)
    /// The columns to select, of `contacts AS c`.
    static let selection = PostgresQuery(sql: names.map { "c.\"\($0)\"" }.joined(separator: ", "))
    /// The names of the same columns, to read from a query that selected them.
    static let columns = PostgresQuery(sql: names.map { "\"\($0)\"" }.joined(separator: ", "))

    /// Reads the columns of a row.
    ///
    /// The table may belong to another system: a value that cannot be read, such as a time of `infinity`, concerns only
    /// the messages that show it.
    init(row: PostgresRow) {
        var values: [ContactColumn: ContactValue] = [:]
        values.reserveCapacity(ContactColumn.placeholders.count)
        var unreadable: [ContactColumn: String] = [:]
        for column in ContactColumn.placeholders {
            do throws(PostgresError) {
                values[column] = try ContactValue(row: row, column: column)
            } catch {
                unreadable[column] = error.description
            }
        }
        var metadata: String?
        do throws(PostgresError) {
            metadata = try row.decode(ContactColumn.metadata.rawValue, as: PostgresJSON?.self)?.text
        } catch {
            unreadable[.metadata] = error.description
        }
        self.init(values, metadata: metadata ?? "{}", unreadable: unreadable)
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
