import Postgres
import Spec

/// How the rows of one kind are read and written.
///
/// Writing takes a JSON array with one object for each row, so that thousands of specs are one statement.
protocol ManagedTable: Sendable {
    static var name: String { get }

    /// The managed rows that are not archived, of some tenants or of all.
    static func selection(tenants: [String]?) -> PostgresQuery

    /// The row that a result row of the selection stands for.
    static func row(_ row: PostgresRow) throws -> ManagedRow

    /// The object that `insertion` and `replacement` read, apart from `id` and `tenantId`.
    static func columns(_ content: [String: JSONValue]) -> [String: JSONValue]

    static func insertion(_ rows: PostgresJSON) -> PostgresQuery

    static func replacement(_ rows: PostgresJSON) -> PostgresQuery
}

extension SpecKind {
    var table: any ManagedTable.Type {
        switch self {
        case .sender: ManagedSenders.self
        case .template: ManagedTemplates.self
        case .audience: ManagedAudiences.self
        case .campaign: ManagedCampaigns.self
        }
    }
}

extension PostgresRow {
    /// A JSON column as a value; `nil` when it is NULL.
    func json(_ column: String) throws -> JSONValue? {
        try decode(column, as: PostgresJSON?.self).map { try JSONValue(parsing: $0.text) }
    }

    /// A text column as a value; `nil` when it is NULL.
    func text(_ column: String) throws(PostgresError) -> JSONValue? {
        try decode(column, as: String?.self).map(JSONValue.string)
    }
}
