import Calendar
import JSON
import Spec
import Testing

struct FilterTests {
    @Test(arguments: [
        ("{\"conditions\":[],\"logic\":\"AND\"}", AudienceFilter.everybody),
        (
            "{\"conditions\":[{\"field\":\"paymentStatus\",\"operator\":\"eq\",\"value\":\"paid\"}],\"logic\":\"OR\"}",
            .group(.or, [.condition(FilterCondition(.contact(.paymentStatus), .compare(.eq, .text("paid"))))])
        ),
        (
            "{\"not\":{\"field\":\"tags\",\"operator\":\"contains\",\"value\":\"vip\"}}",
            .not(.condition(FilterCondition(.contact(.tags), .hasTag("vip"))))
        ),
        (
            "{\"field\":\"tags\",\"operator\":\"contains_all\",\"value\":[\"a\",\"b\"]}",
            .condition(FilterCondition(.contact(.tags), .hasAllTags(["a", "b"])))
        ),
        (
            "{\"field\":\"lastSeen\",\"operator\":\"lt\",\"value\":\"2025-01-01T00:00:00Z\"}",
            .condition(
                FilterCondition(
                    .contact(.lastSeen),
                    .compare(.lt, .time(.instant(Instant(seconds: 1_735_689_600))))
                )
            )
        ),
        (
            "{\"field\":\"metadata.company\",\"operator\":\"contains\",\"value\":\"Acme\"}",
            .condition(FilterCondition(.metadata("company"), .containsText("Acme")))
        ),
        (
            "{\"field\":\"metadata.age\",\"operator\":\"gte\",\"value\":18}",
            .condition(FilterCondition(.metadata("age"), .compare(.gte, .integer(18))))
        ),
        (
            "{\"field\":\"yearOfBirth\",\"operator\":\"not_in\",\"value\":[1990,1991]}",
            .condition(FilterCondition(.contact(.yearOfBirth), .isNotIn([.integer(1990), .integer(1991)])))
        ),
        (
            "{\"field\":\"email\",\"operator\":\"is_not_null\"}",
            .condition(FilterCondition(.contact(.email), .isNotNull))
        ),
    ])
    func readsAndWritesTheFormOfTheAPI(text: String, filter: AudienceFilter) throws {
        #expect(try AudienceFilter(json: JSONValue(parsing: text)) == filter)
        #expect(filter.json.canonicalText == text)
    }

    @Test(arguments: [
        (
            "{\"conditions\":[{\"field\":\"nam\",\"operator\":\"eq\",\"value\":1}]}",
            ["conditions[0].field: unknown filter field `nam`"]
        ),
        (
            "{\"conditions\":[{\"not\":{\"field\":\"tags\",\"operator\":\"contains_any\",\"value\":[1]}}]}",
            ["conditions[0].not.value[0]: expected a string for `conditions[0].not.value[0]`, found a whole number"]
        ),
        (
            "{\"field\":\"tags\",\"operator\":\"gt\",\"value\":1}",
            ["operator: operator `gt` does not fit field `tags`, which holds a list of texts"]
        ),
        ("[]", [": expected a mapping, found a list"]),
        ("{\"conditions\":[],\"drop\":1}", ["drop: unknown field `drop`"]),
        ("{}", ["field: missing field `field`", "operator: missing field `operator`"]),
    ])
    func namesTheFieldsOfARequest(text: String, expected: [String]) throws {
        let json = try JSONValue(parsing: text)
        let error = #expect(throws: SpecError.self) { try AudienceFilter(json: json) }
        #expect(error.map(Fixture.messages) == expected)
    }

    @Test func boundsNesting() throws {
        let depth = 40
        let text =
            String(repeating: "{\"not\":", count: depth) + "{\"conditions\":[]}" + String(repeating: "}", count: depth)
        let json = try JSONValue(parsing: text)
        #expect(throws: SpecError.self) { try AudienceFilter(json: json) }
    }

    @Test(
        arguments: [
            ("2025-01-01", "2025-01-01T00:00:00Z"), ("2024-02-29", "2024-02-29T00:00:00Z"), ("2025-02-29", nil),
            ("2025-13-01", nil),
            ("2025-06-01T12:30:15.5+03:00", "2025-06-01T09:30:15.500000Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
            ("0001-01-01", "0001-01-01T00:00:00Z"), ("9999-12-31t23:59:59z", "9999-12-31T23:59:59Z"),
            ("2025-01-01T00:00:00", nil),
            ("2025-01-01 00:00:00Z", nil), ("2025-1-1", nil), ("-7d", "-7d"), ("-2w", "-14d"), ("-90m", "-90m"),
            ("-48h", "-2d"),
            ("-5s", "-5s"), ("7d", nil), ("-d", nil), ("-7", nil), ("-99999999w", nil), ("--1d", nil), ("", nil),
        ] as [(String, String?)]
    )
    func readsTimes(text: String, expected: String?) {
        let time = FilterTime(text)
        #expect(time?.description == expected)
        #expect(time.flatMap { FilterTime($0.description) } == time)
    }

    /// Like all lengths, this one counts characters, not bytes.
    @Test func keysOfMetadataHaveUpTo100Characters() {
        #expect(FilterField("metadata." + String(repeating: "é", count: 100)) != nil)
        #expect(FilterField("metadata." + String(repeating: "é", count: 101)) == nil)
        #expect(FilterField("metadata.") == nil)
    }

    @Test func makesListsOfOneType() throws {
        let json: JSONValue = ["field": "metadata.x", "operator": "in", "value": [1, "a", .number(2.5)]]
        let filter = try AudienceFilter(json: json)
        let expected = FilterCondition(.metadata("x"), .isIn([.text("1"), .text("a"), .text("2.5")]))
        #expect(filter == .condition(expected))
    }
}
