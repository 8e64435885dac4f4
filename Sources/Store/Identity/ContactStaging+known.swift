import Postgres

extension ContactStaging {
    /// Gives the rows of contacts that exist the `contactId` that they are stored under.
    ///
    /// A contact may be stored with a plus sign, in the other form of a number that WhatsApp rewrites, under a user id of which
    /// WhatsApp named the number, or under the number that the person had before. A row whose `contactId` exists is that
    /// contact, unless it was merged into another one.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - connection: The connection that made the table.
    /// - Throws: `PostgresError`.
    func useKnownIDs(tenant: String, on connection: PostgresConnection) async throws(PostgresError) {
        try await connection.simpleScript("ANALYZE \(table)", deadline: .seconds(600))
        try await connection.execute(
            """
            WITH known AS (
                SELECT contact_key(c."contactId") AS key, c."contactId" FROM contacts c
                WHERE c."tenantId" = \(tenant) AND \(fragment: Recipient.isNamedByContactID())
                UNION ALL
                SELECT k.key, c."contactId" FROM contact_ids k JOIN contacts c ON c.id = k."contactId"
                WHERE k."tenantId" = \(tenant)
            )
            UPDATE \(identifier: table) i SET "contactId" = f."contactId"
            FROM (
                SELECT s.number, min(known."contactId") AS "contactId"
                FROM \(identifier: table) s JOIN known ON known.key = contact_key(s."contactId")
                WHERE NOT EXISTS (
                    SELECT FROM contacts e
                    WHERE e."tenantId" = \(tenant) AND e."contactId" = s."contactId" AND e."mergedInto" IS NULL
                )
                GROUP BY s.number
            ) f
            WHERE i.number = f.number
            """,
            deadline: .seconds(600)
        )
    }
}
