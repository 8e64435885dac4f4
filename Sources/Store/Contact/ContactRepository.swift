public import Foundation
public import JSON
public import Postgres
public import Spec

/// A contact as its row says it.
public struct ContactRecord: Hashable, Sendable {
    /// The value of a column.
    public enum Value: Hashable, Sendable {
        case text(String)
        case integer(Int)
        case time(Date)
        case flag(Bool)
        case list([String])
        case object(JSONValue)
    }

    public let contactID: String
    /// The columns that have a value, without `contactId`.
    public let values: [ContactColumn: Value]
    /// The messages that the person has opted out of, also if `optedIn` says otherwise.
    public let suppressed: ConsentLevel?
    /// The number to which messages go in place of `contactID`; `nil` for most.
    public let currentNumber: String?
    /// The other ids of the person, those learned last first.
    public let ids: [LearnedID]

    /// An id that is known of a person besides the `contactId`.
    public struct LearnedID: Hashable, Sendable {
        /// `waId`, `userId`, or `contactId` for that of a contact that was merged into this one.
        public let kind: String
        public let id: String
    }

    /// The number by which WhatsApp knows the person, if it is not the `contactId`.
    public var waID: String? { ids.first { $0.kind == ContactID.Kind.waID.rawValue }?.id }

    /// The business-scoped user id of the person.
    public var userID: String? {
        ids.first { $0.kind == ContactID.Kind.userID.rawValue }?.id
            ?? (UserID.isUserID(contactID.utf8) ? contactID : nil)
    }

    static let selection: PostgresQuery = """
        \(fragment: PostgresQuery(sql: ContactColumn.allCases.map { "c.\"\($0.rawValue)\"" }.joined(separator: ", "))),
        c."suppressedLevel", c."currentNumber", (
            SELECT jsonb_agg(jsonb_build_array(k.kind, k.id) ORDER BY k."createdAt" DESC, k.id)
            FROM contact_ids k WHERE k."contactId" = c.id
        ) AS ids
        """

    /// Reads a row of the selection.
    ///
    /// The table may belong to another system: a value that cannot be read, such as a time of `infinity`, is left out.
    init(row: PostgresRow) throws(PostgresError) {
        contactID = try row.decode("contactId")
        suppressed = try row.decode("suppressedLevel")
        currentNumber = try row.decode("currentNumber")
        ids = try Self.ids(row.decode("ids", as: PostgresJSON?.self)?.text)
        var values: [ContactColumn: Value] = [:]
        for column in ContactColumn.allCases where column != .contactId {
            // See above.
            values[column] = try? Self.value(of: column, in: row)
        }
        self.values = values
    }

    private static func ids(_ text: String?) throws(PostgresError) -> [LearnedID] {
        guard let text else { return [] }
        do {
            return try (JSONValue(parsing: text).arrayValue ?? []).compactMap { pair in
                guard let kind = pair[0]?.stringValue, let id = pair[1]?.stringValue else { return nil }
                return LearnedID(kind: kind, id: id)
            }
        } catch {
            throw .decoding("the ids of a contact cannot be read: \(error)")
        }
    }

    private static func value(of column: ContactColumn, in row: PostgresRow) throws -> Value? {
        let name = column.rawValue
        return switch column.type {
        case .text: try row.decode(name, as: String?.self).map(Value.text)
        case .integer: try row.decode(name, as: Int?.self).map(Value.integer)
        case .timestamp: try row.decode(name, as: Date?.self).map(Value.time)
        case .boolean: try row.decode(name, as: Bool?.self).map(Value.flag)
        case .textList: try row.decode(name, as: [String]?.self).map(Value.list)
        case .object: try row.json(name).map(Value.object)
        }
    }
}

/// A contact to be added or changed.
public struct ContactChange: Sendable {
    /// The id in its one form.
    public let contactID: String
    /// The new values, as Postgres reads them; `null` clears, and other columns stay.
    public let values: [ContactColumn: JSONValue]
    /// The time at which the person agreed, if the values have one.
    public let optedInAt: Date?
    /// The reason for opting in a person who had opted out; `nil` refuses that.
    public let optInReason: String?

    public init(
        contactID: String,
        values: [ContactColumn: JSONValue],
        optedInAt: Date? = nil,
        optInReason: String? = nil
    ) {
        (self.contactID, self.values) = (contactID, values)
        (self.optedInAt, self.optInReason) = (optedInAt, optInReason)
    }
}

/// The outcome of a change of a contact.
public enum ContactOutcome: Hashable, Sendable {
    case created
    case updated
    /// Left as it is, because it would opt in a person who has opted out.
    case optedOut
    /// Left out, because an earlier change of the same call is about the same person.
    case repeated
}

/// Contacts, one by one or page by page; ``ContactImportRepository`` writes many at once.
public struct ContactRepository: Sendable {
    let pool: PostgresPool
    private let erased: ErasedPeople

    /// Makes a repository; the key recognizes people who were erased.
    public init(pool: PostgresPool, erasureKey: ErasureKey? = nil) {
        self.pool = pool
        erased = ErasedPeople(pool: pool, key: erasureKey)
    }

    /// Returns the contact of the person with an id: its `contactId` in any spelling, or an id that WhatsApp has for it.
    public func find(_ id: String, tenant: String) async throws(PostgresError) -> ContactRecord? {
        let rows = try await pool.query(
            """
            SELECT \(fragment: ContactRecord.selection)
            FROM (\(fragment: Self.named("contact_key(\(id))", of: "\(tenant)"))) f
            JOIN contacts c ON \(key: "c.id", of: "f.id")
            WHERE c."erasedAt" IS NULL ORDER BY f.rank, c."contactId" <> \(id), c."contactId" LIMIT 1
            """
        )
        guard let row = rows.first else { return nil }
        return try ContactRecord(row: row)
    }

    /// Selects `id` and `rank` of the contacts that a key may name, those with a lower rank first: by their `contactId`, by an id
    /// that was learned, and by a `contactId` that names another person by now.
    private static func named(_ key: PostgresQuery, of tenant: PostgresQuery) -> PostgresQuery {
        """
        SELECT c.id, 0 AS rank FROM (\(fragment: ContactLookup.byContactID(key, of: tenant))) c
        UNION ALL
        SELECT k."contactId", 1 FROM (\(fragment: ContactLookup.byLearnedID(key, of: tenant))) k
        UNION ALL
        SELECT c.id, 2 FROM (
            SELECT * FROM contacts c
            WHERE c."tenantId" = \(fragment: tenant) AND \(only: #"contact_key(c."contactId")"#, is: key)
        ) c
        """
    }

    /// Returns a page of contacts by their id, and how many there are in all.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the contacts.
    ///   - filter: The contacts to return; `nil` returns all. Unlike in audiences, consent does not matter.
    ///   - now: The present, for the filter.
    ///   - page: The page, from 1.
    ///   - limit: The size of a page.
    /// - Returns: The page and the number of contacts.
    /// - Throws: `PostgresError`.
    public func list(
        tenant: String,
        filter: AudienceFilter? = nil,
        now: Date = Date(),
        page: Int = 1,
        limit: Int
    ) async throws -> (contacts: [ContactRecord], total: Int) {
        var condition: PostgresQuery = "c.\"tenantId\" = \(tenant) AND c.\"erasedAt\" IS NULL"
        if let filter { condition = "\(fragment: condition) AND \(fragment: filter.condition(now: now))" }
        return try await pool.withConnection { connection in
            let total = try await connection.query(
                "SELECT count(*) FROM contacts c WHERE \(fragment: condition)",
                deadline: .seconds(120)
            )
            let rows = try await connection.query(
                """
                SELECT \(fragment: ContactRecord.selection) FROM contacts c WHERE \(fragment: condition)
                ORDER BY c."contactId" LIMIT \(limit) OFFSET \((page - 1) * limit)
                """,
                deadline: .seconds(120)
            )
            return (try rows.map(ContactRecord.init(row:)), try total[0].decode(0))
        }
    }

    /// Adds and changes contacts by the rules of imports; harmless to repeat.
    ///
    /// A contact is found in whatever spelling its row has the id. `optedIn` of false is kept as an opt-out. One that is
    /// true opts in a person who had opted out only with a later `optedInAt`, or with a reason; otherwise the whole change
    /// is refused. Changes are committed in a few transactions, so an error may leave some of them done.
    ///
    /// - Parameters:
    ///   - changes: The changes.
    ///   - tenant: The owner of the contacts.
    ///   - actor: The person who makes the changes.
    /// - Returns: The outcomes, in the order of the changes.
    /// - Throws: ``ErasureError`` if erased people would not be recognized, `PostgresError`.
    public func put(
        _ changes: [ContactChange],
        tenant: String,
        by actor: RunActor
    ) async throws -> [ContactOutcome] {
        guard !changes.isEmpty else { return [] }
        let longest = changes.map(\.contactID.unicodeScalars.count).max() ?? 0
        try await pool.withConnection { try await ContactIDColumn.check(longest: longest, on: $0) }
        try await erased.recall(changes.map(\.contactID), tenant: tenant)
        let known = try await known(changes.map(\.contactID), tenant: tenant)
        var seen: Set<String> = []
        var outcomes: [ContactOutcome] = []
        var groups: [Group: [(id: String, values: [ContactColumn: JSONValue])]] = [:]
        for (change, known) in zip(changes, known) {
            if known.refuses(change) {
                outcomes.append(.optedOut)
            } else if !seen.insert(known.contactID ?? known.key).inserted {
                outcomes.append(.repeated)
            } else {
                outcomes.append(known.contactID == nil ? .created : .updated)
                let group = Group(columns: Set(change.values.keys), reason: change.optInReason)
                groups[group, default: []].append((known.contactID ?? change.contactID, change.values))
            }
        }
        for (group, rows) in groups { try await merge(rows, of: group, tenant: tenant, by: actor) }
        // A person may have been erased since the first look.
        try await erased.recall(changes.map(\.contactID), tenant: tenant)
        return outcomes
    }

    /// Changes that one statement can make.
    private struct Group: Hashable {
        let columns: Set<ContactColumn>
        let reason: String?
    }

    /// The person with an id, as far as the database knows.
    private struct Known {
        let key: String
        /// The id as the row of the contact has it; `nil` if there is none.
        let contactID: String?
        let hasOptedOut: Bool
        let optedOutAt: Date?

        func refuses(_ change: ContactChange) -> Bool {
            guard hasOptedOut, change.values[.optedIn] == true, change.optInReason == nil else { return false }
            guard let agreedAt = change.optedInAt else { return true }
            return optedOutAt.map { min(agreedAt, Date()) <= $0 } ?? false
        }
    }

    private func known(_ ids: [String], tenant: String) async throws(PostgresError) -> [Known] {
        let rows = try await pool.query(
            """
            SELECT DISTINCT ON (n.number) w.key, c."contactId",
                coalesce(s.level = 'all' OR c."suppressedLevel" = 'all' OR (c.id IS NOT NULL AND c."optedIn" IS NOT TRUE), false),
                greatest(s."optedOutAt", c."optedOutAt")
            FROM unnest(\(ids)::text[]) WITH ORDINALITY AS n(id, number)
            CROSS JOIN LATERAL (SELECT contact_key(n.id) AS key) w
            LEFT JOIN LATERAL (
                SELECT c.id, c."contactId", c."suppressedLevel", c."optedIn", c."optedOutAt", f.rank
                FROM (\(fragment: Self.named("w.key", of: "\(tenant)"))) f JOIN contacts c ON \(key: "c.id", of: "f.id")
            ) c ON true
            LEFT JOIN LATERAL (
                SELECT s.level, s."optedOutAt" FROM suppressions s
                WHERE s."tenantId" = \(tenant) AND \(only: "s.key", is: "w.key")
            ) s ON true
            ORDER BY n.number, c.rank, c."contactId" <> n.id, c."contactId"
            """
        )
        return try rows.map { row throws(PostgresError) in
            Known(
                key: try row.decode(0),
                contactID: try row.decode(1),
                hasOptedOut: try row.decode(2),
                optedOutAt: try row.decode(3)
            )
        }
    }

    private func merge(
        _ rows: [(id: String, values: [ContactColumn: JSONValue])],
        of group: Group,
        tenant: String,
        by actor: RunActor
    ) async throws {
        let columns = [.contactId] + ContactColumn.allCases.filter { group.columns.contains($0) && $0 != .contactId }
        let json = rows.enumerated().map { index, row in
            var fields: [String: JSONValue] = ["number": .integer(index + 1), "contactId": .string(row.id)]
            for (column, value) in row.values { fields[column.rawValue] = value }
            return JSONValue.object(fields)
        }
        let source = ContactRows(PostgresJSON(text: JSONValue.array(json).canonicalText), columns: columns)
        let merge = ContactMerge(
            rows: source,
            tenant: tenant,
            // `null` clears; what is not named is no column.
            emptyClears: true,
            consents: ContactConsents(
                rows: source,
                tenant: tenant,
                allowsOptIn: group.reason != nil,
                actor: actor,
                source: .api,
                reason: group.reason
            ),
            isDryRun: false
        )
        _ = try await pool.withConnection { connection in
            try await merge.run(1..<rows.count + 1, on: connection)
        }
    }
}

/// The country of a tenant's national phone numbers.
enum TenantCountry {
    /// Returns the country that the tenant's spec names; `nil` if it names none.
    static func of(_ tenant: String, on connection: PostgresConnection) async throws -> CallingCode? {
        let rows = try await connection.query(
            "SELECT country FROM tenants WHERE \"tenantId\" = \(tenant) AND \"archivedAt\" IS NULL"
        )
        return try rows.first?.decode(0, as: String?.self).flatMap(CallingCode.of(country:))
    }
}

extension ContactImportRepository {
    /// Returns the country of the tenant's national numbers; `nil` if its spec names none.
    public func country(of tenant: String) async throws -> CallingCode? {
        try await pool.withConnection { try await TenantCountry.of(tenant, on: $0) }
    }
}

extension ContactRepository {
    /// Returns a reader for the ids of a tenant's contacts, which knows the country of its national numbers.
    public func reader(for tenant: String) async throws -> PhoneNumberReader {
        try await pool.withConnection { PhoneNumberReader(country: try await TenantCountry.of(tenant, on: $0)) }
    }
}
