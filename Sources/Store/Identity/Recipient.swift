import Postgres

/// The addresses of contacts, as `contacts AS c`.
enum Recipient {
    /// True for a contact whose `contactId` is a business-scoped user id, such as `KE.4051298`.
    static let isKnownByUserID: PostgresQuery = """
        (substr(c."contactId", 3, 1) = '.' AND c."contactId" ~ '^[A-Z]{2}\\.')
        """

    /// The number to which messages go; empty if only a user id is known.
    static let phone: PostgresQuery = """
        coalesce(c."currentNumber", CASE WHEN \(fragment: isKnownByUserID) THEN '' ELSE c."contactId" END)
        """

    /// True for a contact of whom a number is known, not only a user id.
    static let hasNumber: PostgresQuery = """
        (c."currentNumber" IS NOT NULL OR NOT \(fragment: isKnownByUserID))
        """

    /// Returns the condition for a contact whose `contactId` still names the person: it was not merged into another contact, and
    /// the person has not moved to another number (the old one may belong to another person now).
    ///
    /// - Parameter time: The time that counts; by default the present.
    /// - Returns: The condition.
    static func isNamedByContactID(at time: PostgresQuery? = nil) -> PostgresQuery {
        let former: PostgresQuery = time.map { "OR c.\"currentNumberAt\" > \(fragment: $0)" } ?? ""
        return """
            (c."mergedInto" IS NULL AND (c."currentNumber" IS NULL \(fragment: former) OR \(fragment: isKnownByUserID)))
            """
    }
}

/// The subqueries that find contacts by their ids.
enum ContactLookup {
    /// Finds contacts, as `c`, whose `contactId` has a key, by an index.
    ///
    /// - Parameters:
    ///   - key: The key, as `contact_key` makes it.
    ///   - tenant: The owner of the contacts.
    ///   - time: The time at which the person was known by the id; by default the present.
    /// - Returns: The subquery.
    static func byContactID(
        _ key: PostgresQuery,
        of tenant: PostgresQuery,
        at time: PostgresQuery? = nil
    ) -> PostgresQuery {
        """
        SELECT * FROM contacts c
        WHERE c."tenantId" = \(fragment: tenant) AND \(fragment: Recipient.isNamedByContactID(at: time))
            AND \(only: #"contact_key(c."contactId")"#, is: key)
        """
    }

    /// Finds the rows of `contact_ids`, as `k`, of a contact.
    static func ids(of contact: PostgresQuery) -> PostgresQuery {
        "SELECT * FROM contact_ids k WHERE \(only: #"k."contactId""#, is: contact)"
    }

    /// Finds the contacts of which an id with a key was learned, as rows of `contact_ids`.
    ///
    /// The name of the table is not one that an expression for the key might use: that would be taken for a column of its own.
    static func byLearnedID(_ key: PostgresQuery, of tenant: PostgresQuery) -> PostgresQuery {
        """
        SELECT contact_ids."contactId" FROM contact_ids
        WHERE contact_ids."tenantId" = \(fragment: tenant) AND \(only: "contact_ids.key", is: key)
        """
    }
}
