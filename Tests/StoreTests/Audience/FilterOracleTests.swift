import Foundation
import JSON
import Postgres
import Randomness
import Spec
import TestSupport
import Testing

@testable import Store

/// Random filters over random contacts: SQL and an evaluation in Swift select the same contacts.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct FilterOracleTests {
    private static let texts = [
        "Ann", "ann", "ANN", "Bob_1", "Bob11", "100%", "100", "a\\b", "ab", "dän", "DÄN", "d'or", "", " ", "%", "_",
        "\\",
        "%\u{301}", "e\u{301}", "é", "{x}", "null", "Zoë", "9", "10", "日本", "😀", "a\"b", "José", "JOSÉ", "Straße",
        "STRASSE", "ΟΔΟΣ", "οδος", "Ильич",
    ]
    private static let tags = ["vip", "gold", "VIP", "a,b", "{}", "\"q\"", "", "new letter", "é"]
    private static let metadata: [JSONValue] = [
        "pro", "free", "10", "9", "-2", "7.5", "many", "", "1e3", " 5", "007", "2026-01-01", 10, 9, -2, .number(7.5), 0,
        true,
        false, .null, 5, "5.0", "vip", .integer(9_007_199_254_740_993), "9007199254740992", "9007199254740993",
        "89254021064238701230", .number(0.5),
    ]
    private static let keys = ["plan", "seats", "it's", "ключ", "a.b", "\"k\""]
    private static let times = [
        "-24h", "-7d", "-90m", "-2w", "2026-05-20", "2026-05-27T10:00:00Z", "2026-05-27T13:00:00+03:00",
    ]

    private static func person(_ number: Int, _ dice: inout SplitMix64) -> FilterOracle.Person {
        let seconds = [0, 90 * 60, 86_400, 7 * 86_400, 8 * 86_400, 14 * 86_400]
        var metadata: [String: JSONValue] = [:]
        for key in keys where dice.chance(2) { metadata[key] = dice.pick(Self.metadata) }
        let offset = Double(dice.pick(seconds) + dice.pick([-1, 0, 1]))
        let fixed = Date(timeIntervalSince1970: 1_779_876_000)
        let seen = dice.chance(3) ? fixed : Fixture.now - offset
        return FilterOracle.Person(
            contactID: "c\(number)",
            name: dice.chance(5) ? nil : dice.pick(texts),
            email: dice.chance(2) ? nil : dice.pick(texts),
            yearOfBirth: dice.chance(3) ? nil : dice.pick([1985, 1990, 1991, 2001]),
            messageCount: dice.pick([0, 1, 9, 10, 2_000_000_000]),
            lastSeen: dice.chance(4) ? nil : seen,
            tags: dice.few(Self.tags, from: 0),
            paymentStatus: dice.chance(3) ? nil : dice.pick(["paid", "unpaid", "Paid"]),
            metadata: metadata
        )
    }

    private static func filter(_ depth: Int, _ dice: inout SplitMix64) -> JSONValue {
        switch Int.random(in: 0...9, using: &dice) {
        case 0...2 where depth < 4:
            let members = (0..<Int.random(in: 0...3, using: &dice)).map { _ in filter(depth + 1, &dice) }
            return ["logic": .string(dice.pick(["AND", "OR"])), "conditions": .array(members)]
        case 3 where depth < 4: return ["not": filter(depth + 1, &dice)]
        default: return condition(&dice)
        }
    }

    private static func condition(_ dice: inout SplitMix64) -> JSONValue {
        let comparisons = ["eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "not_in", "is_null", "is_not_null"]
        let (field, values): (String, [JSONValue])
        var operations = comparisons
        switch Int.random(in: 0...6, using: &dice) {
        case 0:
            field = "tags"
            values = tags.map(JSONValue.string)
            operations = ["contains", "contains_any", "contains_all", "is_null", "is_not_null"]
        case 1:
            (field, values) = ("lastSeen", times.map(JSONValue.string))
            operations += ["older_than", "newer_than"]
        case 2:
            (field, values) = (
                dice.pick(["yearOfBirth", "messageCount"]), [1990, .number(1990.5), 9, 10, 0, -1, 3_000_000_000]
            )
        case 3, 4:
            (field, values) = ("metadata.\(dice.pick(keys + ["none"]))", metadata.filter { $0 != .null })
            operations += ["contains", "starts_with", "ends_with"]
        default:
            field = dice.pick(["name", "email", "paymentStatus", "contactId"])
            values = (texts + ["paid", "c1", "c2"]).map(JSONValue.string)
            operations += ["contains", "starts_with", "ends_with"]
        }
        let operation = dice.pick(operations)
        var condition: [String: JSONValue] = ["field": .string(field), "operator": .string(operation)]
        switch operation {
        case "is_null", "is_not_null": break
        case "in", "not_in", "contains_any", "contains_all": condition["value"] = .array(dice.few(values))
        case "older_than", "newer_than": condition["value"] = .string(dice.pick(["24h", "7d", "90m", "2w"]))
        case "between": condition["value"] = .array(range(values, field, &dice))
        // These always compare with a text, for fields of any type.
        case "contains", "starts_with", "ends_with":
            condition["value"] = .string(FilterOracle.text(dice.pick(values)) ?? "")
        default: condition["value"] = dice.pick(values)
        }
        return .object(condition)
    }

    /// Returns two values in their order, or twice the same if they have none.
    private static func range(_ values: [JSONValue], _ field: String, _ dice: inout SplitMix64) -> [JSONValue] {
        let (one, other) = (dice.pick(values), dice.pick(values))
        let isRead = { (range: [JSONValue]) in
            let json: JSONValue = ["field": .string(field), "operator": "between", "value": .array(range)]
            // A range that is not read is tried the other way round.
            return (try? AudienceFilter(json: json)) != nil
        }
        return [[one, other], [other, one]].first(where: isRead) ?? [one, one]
    }

    private static func insert(_ people: [FilterOracle.Person], _ pool: PostgresPool) async throws {
        for person in people {
            try await pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", name, email, "yearOfBirth", "messageCount", "lastSeen",
                    tags, "paymentStatus", metadata)
                VALUES ('acme', \(person.contactID), \(person.name), \(person.email), \(person.yearOfBirth)::int,
                    \(person.messageCount), \(person.lastSeen), \(person.tags)::text[], \(person.paymentStatus),
                    \(PostgresJSON(text: JSONValue.object(person.metadata).canonicalText)))
                """
            )
        }
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func selectsWhomAnIndependentEvaluationSelects(seed: UInt64) async throws {
        try await Fixture.with { fixture in
            var dice = SplitMix64(seed: seed)
            let people = (1...120).map { Self.person($0, &dice) }
            try await Self.insert(people, fixture.pool)
            let oracle = FilterOracle(now: Fixture.now)
            var (none, all) = (0, 0)
            for round in 1...400 {
                let json = Self.filter(0, &dice)
                let filter = try AudienceFilter(json: json)
                let recipients = AudienceQuery.recipients(
                    tenant: "acme",
                    filter: filter,
                    category: .marketing,
                    now: Fixture.now
                )
                let found = try await fixture.column(
                    "SELECT \"contactId\" FROM contacts c WHERE \(fragment: recipients)",
                    as: String.self
                )
                let expected = try people.filter { try oracle.selects(json, $0) }.map(\.contactID)
                let difference = Set(found).symmetricDifference(expected).sorted()
                #expect(difference.isEmpty, "seed \(seed), round \(round): \(json.canonicalText)")
                if expected.isEmpty { none += 1 }
                if expected.count == people.count { all += 1 }
                // The filter is the same after it was stored and read again.
                #expect(try AudienceFilter(json: JSONValue(parsing: filter.json.canonicalText)) == filter)
            }
            #expect(none < 200 && all < 200, "the filters tell contacts apart")
        }
    }

    @Test func aNumberThatIsTooLongForANumberIsNone() async throws {
        try await Fixture.with { fixture in
            let long = String(repeating: "9", count: 200_000)
            for text in [long, long + "." + long, "5"] {
                try await fixture.pool.execute(
                    """
                    INSERT INTO contacts ("tenantId", "contactId", metadata)
                    VALUES ('acme', \(String(text.count)), jsonb_build_object('n', \(text)::text))
                    """
                )
            }
            let filter = try AudienceFilter(json: ["field": "metadata.n", "operator": "gt", "value": 1])
            let size = try await AudienceRepository(pool: fixture.pool)
                .size(tenant: "acme", filter: filter, now: Fixture.now)
            #expect(size.total == 1)
        }
    }
}

extension SplitMix64 {
    fileprivate mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }
    fileprivate mutating func chance(_ one: Int) -> Bool { Int.random(in: 1...one, using: &self) == 1 }
    fileprivate mutating func few<Value>(_ values: [Value], from least: Int = 1) -> [Value] {
        (0..<Int.random(in: least...3, using: &self)).map { _ in pick(values) }
    }
}
