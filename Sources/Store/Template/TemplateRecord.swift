public import Foundation
import JSON
import Postgres
public import Spec

/// A message template as it is stored, from a spec or from the API.
public struct TemplateRecord: Sendable {
    public let id: UUID
    public let tenantID: String
    /// The form that specs have, from which messages are made.
    public let spec: TemplateSpec
    public let sourceFile: String?
    public let isManagedBySpec: Bool
    public let createdAt: Date
    public let updatedAt: Date
    /// The states at WhatsApp, one for each account of the tenant's senders that reported one.
    public internal(set) var states: [TemplateState] = []

    /// The columns of a template, with the name of its account.
    static let columns: PostgresQuery = #"*, (SELECT a.name FROM accounts a WHERE a.id = "accountId") AS account"#

    static let selection: PostgresQuery = "SELECT \(fragment: columns) FROM templates t"

    init(row: PostgresRow) throws {
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        var content: [String: JSONValue] = ["protect": .bool(try row.decode("protect"))]
        content.merge(try TemplateColumns.fields(of: row)) { _, new in new }
        for column in ["name", "whatsappName", "language", "category", "account"] {
            content[column] = try row.text(column)
        }
        spec = try TemplateSpec(stored: .object(content))
        sourceFile = try row.decode("sourceFile")
        isManagedBySpec = try row.decode("managedBy", as: String?.self) == "spec"
        createdAt = try row.decode("createdAt")
        updatedAt = try row.decode("updatedAt")
    }
}
