import FoundationEssentials
import Postgres
import Testing

struct PostgresQueryTests {
    @Test func valuesBecomeParameters() {
        let name = "x'; DROP TABLE contacts; --"
        let missing: Int? = nil
        let query: PostgresQuery = "SELECT \(1), \(name), \(missing)"
        #expect(query.sql == "SELECT $1, $2, $3")
        #expect(query.binds.map(\.description) == ["•••", "•••", "NULL"])
    }

    @Test func fragmentsAreRenumbered() {
        let inner: PostgresQuery = "a = \(1) AND b = \(2)"
        let query: PostgresQuery = "SELECT \(0) WHERE \(fragment: inner) OR \(fragment: inner)"
        #expect(query.sql == "SELECT $1 WHERE a = $2 AND b = $3 OR a = $4 AND b = $5")
        #expect(query.binds.count == 5)
    }

    @Test(arguments: [
        ("'$1' = $1", "'$1' = $2"),
        ("'it''s $1' || $1", "'it''s $1' || $2"),
        (#"E'\'$1' || $1"#, #"E'\'$1' || $2"#),
        ("\"col$1\" = $1", "\"col$1\" = $2"),
        ("-- $1\n$1", "-- $1\n$2"),
        ("/* $1 */ $1", "/* $1 */ $2"),
        ("$$ $1 $$ || $1", "$$ $1 $$ || $2"),
        ("$tag$ $1 $tag$ || $1", "$tag$ $1 $tag$ || $2"),
        ("a$1 = $1::text", "a$1 = $2::text"),
        ("$10 + $9", "$11 + $10"),
    ])
    func renumberingLeavesQuotedTextAlone(_ fragment: String, _ expected: String) {
        let part = PostgresQuery(sql: fragment, binds: [true.postgresBind])
        let query: PostgresQuery = "\(true) AND \(fragment: part)"
        #expect(query.sql == "$1 AND " + expected)
    }

    @Test func identifiersAreQuoted() {
        let query: PostgresQuery = "SELECT \(identifier: "paymentStatus"), \(identifier: "a\"b")"
        #expect(query.sql == #"SELECT "paymentStatus", "a""b""#)
        #expect(query.binds.isEmpty)
    }

    @Test func queriesAreJoined() {
        let query = PostgresQuery.joined(["a = \(1)", "b = \(2)", "c"], separator: " AND ")
        #expect(query.sql == "a = $1 AND b = $2 AND c")
    }
}
