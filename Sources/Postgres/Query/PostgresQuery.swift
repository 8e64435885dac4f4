/// An SQL statement with bound values, written as one string literal.
///
/// An interpolated value never becomes part of the SQL: it becomes a parameter `$n`.
///
/// ```swift
/// let filter: PostgresQuery = "status = \(status)"
/// let query: PostgresQuery = "SELECT name FROM \(identifier: table) WHERE \(fragment: filter) AND id = ANY(\(ids)::uuid[])"
/// ```
public struct PostgresQuery: Sendable {
    public private(set) var sql: String
    public private(set) var binds: [PostgresBind]
    /// The reason why the query cannot be sent: an invalid identifier.
    private(set) var fault: String?

    /// Makes a query from SQL that was built elsewhere; `$1` is the first of `binds`.
    public init(sql: String, binds: [PostgresBind] = []) {
        self.sql = sql
        self.binds = binds
    }

    /// Adds SQL text unchanged.
    mutating func append(sql text: String) {
        sql += text
    }

    /// Adds a parameter.
    mutating func append(bind: PostgresBind) {
        binds.append(bind)
        sql += "$\(binds.count)"
    }

    /// Adds another query; its parameters are renumbered to follow those of this query.
    public mutating func append(_ other: PostgresQuery) {
        sql += other.binds.isEmpty ? other.sql : Placeholders.shifted(other.sql, by: binds.count)
        binds += other.binds
        fault = fault ?? other.fault
    }

    /// Adds a quoted identifier, exactly as written: `campaignId` becomes `"campaignId"`.
    mutating func append(identifier: String) {
        if identifier.utf8.contains(0) || identifier.isEmpty { fault = "an identifier is empty or contains U+0000" }
        sql += Self.quoted(identifier)
    }

    /// Quotes an identifier: puts it in double quotes and doubles those inside.
    static func quoted(_ identifier: String) -> String {
        "\"" + identifier.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// Joins two queries; write the space between them yourself.
    public static func + (left: Self, right: Self) -> Self {
        var result = left
        result.append(right)
        return result
    }

    /// Joins queries with plain SQL between them, such as `" AND "`.
    public static func joined(_ queries: [PostgresQuery], separator: String) -> Self {
        var result = PostgresQuery(sql: "")
        for (index, query) in queries.enumerated() {
            if index > 0 { result.append(sql: separator) }
            result.append(query)
        }
        return result
    }
}

extension PostgresQuery: ExpressibleByStringInterpolation {
    /// Makes a query of SQL without values.
    public init(stringLiteral value: String) {
        self.init(sql: value)
    }

    /// Makes a query of SQL with values, fragments and identifiers.
    public init(stringInterpolation: StringInterpolation) {
        self = stringInterpolation.query
    }

    /// Collects the pieces of a query literal; not used by hand.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var query: PostgresQuery

        public init(literalCapacity: Int, interpolationCount: Int) {
            var sql = ""
            sql.reserveCapacity(literalCapacity + interpolationCount * 4)
            query = PostgresQuery(sql: sql)
        }

        public mutating func appendLiteral(_ literal: String) {
            query.append(sql: literal)
        }

        /// Binds a value: `\(id)`.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
            query.append(bind: value.postgresBind)
        }

        /// Binds a value or NULL: `\(finishedAt)`.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            query.append(bind: value.postgresBind)
        }

        /// Splices another query in: `\(fragment: filter)`.
        public mutating func appendInterpolation(fragment: PostgresQuery) {
            query.append(fragment)
        }

        /// Quotes a name: `\(identifier: table)`.
        public mutating func appendInterpolation(identifier: String) {
            query.append(identifier: identifier)
        }
    }
}

/// A value encoded for the server.
///
/// ``PostgresEncodable/postgresBind`` makes it. It is never printed, so that values stay out of logs.
public struct PostgresBind: Sendable {
    enum Storage: Sendable {
        case null
        case text([UInt8])
        case binary([UInt8])
        /// The value has no form that Postgres accepts, for the given reason, which is reported when the query is sent.
        case invalid(String)
    }

    let storage: Storage

    /// SQL's NULL.
    public static let null = Self(storage: .null)

    /// Makes a value in Postgres' text form; the server infers its type from the place it is used in.
    public static func text(_ text: PostgresText) -> Self {
        Self(storage: text.fault.map(Storage.invalid) ?? .text(text.bytes))
    }

    /// Makes a value in the binary form of the type that the server infers.
    public static func binary(_ bytes: [UInt8]) -> Self {
        Self(storage: .binary(bytes))
    }
}

extension PostgresBind: CustomStringConvertible {
    /// Text that says whether there is a value, but never the value itself.
    public var description: String {
        if case .null = storage { "NULL" } else { "•••" }
    }
}
