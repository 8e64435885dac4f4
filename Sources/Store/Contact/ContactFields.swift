public import Foundation
import Postgres

/// What a message may say about its contact: the fields that placeholders can name.
public struct ContactFields: Sendable {
    public let contactId: String
    public let name: String?
    public let email: String?
    public let pin: String?
    public let yearOfBirth: Int?
    public let messageCount: Int
    public let paymentStatus: String?
    public let firstSeen: Date?
    public let lastSeen: Date?
    /// A JSON object.
    public let metadata: String

    public init(
        contactId: String,
        name: String? = nil,
        email: String? = nil,
        pin: String? = nil,
        yearOfBirth: Int? = nil,
        messageCount: Int = 0,
        paymentStatus: String? = nil,
        firstSeen: Date? = nil,
        lastSeen: Date? = nil,
        metadata: String = "{}"
    ) {
        self.contactId = contactId
        self.name = name
        self.email = email
        self.pin = pin
        self.yearOfBirth = yearOfBirth
        self.messageCount = messageCount
        self.paymentStatus = paymentStatus
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        self.metadata = metadata
    }

    /// The columns to select, of `contacts AS c`, in the order that the initialiser reads them.
    static let columns = PostgresQuery(
        sql: """
            c."contactId", c.name, c.email, c.pin, c."yearOfBirth", c."messageCount", c."paymentStatus", \
            c."firstSeen", c."lastSeen", c.metadata
            """
    )

    init(row: PostgresRow, from first: Int) throws(PostgresError) {
        contactId = try row.decode(first)
        name = try row.decode(first + 1)
        email = try row.decode(first + 2)
        pin = try row.decode(first + 3)
        yearOfBirth = try row.decode(first + 4)
        messageCount = try row.decode(first + 5)
        paymentStatus = try row.decode(first + 6)
        firstSeen = try row.decode(first + 7)
        lastSeen = try row.decode(first + 8)
        metadata = try row.decode(first + 9, as: PostgresJSON.self).text
    }
}
