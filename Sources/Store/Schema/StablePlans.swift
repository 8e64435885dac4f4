import Postgres

/// Keeps the plans of hot statements, whatever Postgres knows about the tables.
///
/// A hot statement is one that a daemon executes for each batch of messages, events or reports, or at each look of a
/// periodic service. Postgres keeps its plan for as long as the connection lives, and makes it when the connection is
/// new: on a new database, that is when the tables are empty. For an empty table every plan costs the same, so Postgres
/// may choose to read it from end to end. The same happens after a restore, which brings no statistics, and where
/// autovacuum is off or behind. So hot statements follow three rules:
///
/// 1. Connections of daemons have ``settings``: a table is never read from end to end where an index serves, and batches
///    are joined by nested loops. Behind a pooler each statement is planned anew, with the same settings.
/// 2. A table is joined by its key with `\(key: "m.id", of: "o.id")`, never with a plain `m.id = o.id`. For a plain
///    equation Postgres may as well read the whole index of the table and compare each row with the batch. The key form
///    leaves it one way: for each row of the batch, one look-up in the index. The order of rows comes from the batch,
///    too (`ORDER BY o.id`). Of a key with several columns only the first has this form, the others are equations.
/// 3. Where several indexes may serve, a lateral subquery asks for the order that only the right one has, with
///    `\(only: "c.\"contactId\"", is: "n.name")` for the last column of that index and equations for those before it.
///    Otherwise Postgres may take an index that finds all contacts of the tenant, and compare each with the batch.
///    `column = ANY(array)` is not enough: for a table that seems small, Postgres takes it as such a comparison.
///
/// `ColdPlanTests` executes the hot statements with plans of empty tables, and counts the rows that they read.
/// ``StatisticsRepository`` gives all other statements their statistics early.
public enum StablePlans {
    /// Planner settings for the connections of daemons.
    ///
    /// JIT compilation costs more than a statement that touches a batch of rows by their keys.
    public static let settings = [
        "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off",
    ]
}

extension PostgresQuery.StringInterpolation {
    /// Joins a table by its key, so that it can only be found by an index: `\(key: "m.id", of: "o.id")`.
    ///
    /// An array of one element means the same as the equation, and NULL matches nothing. But Postgres cannot merge by
    /// it, so that it has no reason to read the table in the order of the key.
    ///
    /// - Parameters:
    ///   - column: A column with an index, with the alias of its table.
    ///   - value: An expression of the rows before, of the same type.
    mutating func appendInterpolation(key column: PostgresQuery, of value: PostgresQuery) {
        appendInterpolation(fragment: "\(fragment: column) = ANY(ARRAY[\(fragment: value)])")
    }

    /// Finds the rows of a subquery by the index whose last column this is; ends the subquery.
    ///
    /// Equal to `column = value`, but only the index with the column returns rows in the order of the column without a
    /// sort, so it is always the cheapest. `OFFSET 0` has the subquery planned alone.
    ///
    /// - Parameters:
    ///   - column: The last column of the index; the others must equal one value each.
    ///   - value: An expression of the query around it, of the same type.
    mutating func appendInterpolation(only column: PostgresQuery, is value: PostgresQuery) {
        appendInterpolation(
            fragment: """
                \(fragment: column) >= \(fragment: value) AND \(fragment: column) <= \(fragment: value)
                ORDER BY \(fragment: column) OFFSET 0
                """
        )
    }
}
