extension PostgresQuery: ExpressibleByStringInterpolation {
    /// SQL without values.
    public init(stringLiteral value: String) {
        self.init(sql: value)
    }

    /// SQL with values, fragments and identifiers.
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
