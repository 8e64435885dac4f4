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
            "{\"field\":\"lastSeen\",\"operator\":\"older_than\",\"value\":\"90d\"}",
            .condition(FilterCondition(.contact(.lastSeen), .olderThan(seconds: 90 * 86_400)))
        ),
        (
            "{\"field\":\"lastSeen\",\"operator\":\"between\",\"value\":[\"-30d\",\"-7d\"]}",
            .condition(
                FilterCondition(
                    .contact(.lastSeen),
                    .between(.time(.ago(seconds: 30 * 86_400)), .time(.ago(seconds: 7 * 86_400)))
                )
            )
        ),
        (
            "{\"field\":\"name\",\"operator\":\"starts_with\",\"value\":\"A\"}",
            .condition(FilterCondition(.contact(.name), .startsWith("A")))
        ),
        (
            "{\"field\":\"metadata.sku\",\"operator\":\"ends_with\",\"value\":\"-x\"}",
            .condition(FilterCondition(.metadata("sku"), .endsWith("-x")))
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

    @Test func keepsTheTypeOfEachValueOfAList() throws {
        let json: JSONValue = ["field": "metadata.x", "operator": "in", "value": [1, "a", .number(2.5)]]
        let filter = try AudienceFilter(json: json)
        let expected = FilterCondition(.metadata("x"), .isIn([.integer(1), .text("a"), .number(2.5)]))
        #expect(filter == .condition(expected))
        #expect(filter.json == json)
    }

    private static func lines(_ condition: String) -> [String] {
        Fixture.lines("kind: Audience\nname: a\nconditions: [{ \(condition) }]\n")
    }

    /// A number means exactly its digits, or is refused.
    @Test(
        arguments: [
            ("9007199254740993", JSONValue.integer(9_007_199_254_740_993)),
            ("-9007199254740993", -9_007_199_254_740_993),
            ("9223372036854775807", .integer(.max)), ("1e3", .number(1_000)), ("0.5", .number(0.5)),
            ("1.50", .number(1.5)), ("-15e-1", .number(-1.5)), ("1000000000000000.5", .number(1_000_000_000_000_000.5)),
            ("89254021064238701230", nil), ("-89254021064238701230", nil), ("9223372036854775808", nil),
            ("10000000000000000000", nil), ("1e22", nil), ("9007199254740993.0", nil), ("0.12345678901234567890", nil),
        ] as [(String, JSONValue?)]
    )
    func keepsTheDigitsOfNumbers(text: String, value: JSONValue?) throws {
        for list in [false, true] {
            let form = list ? "operator: in, value: [\(text)]" : "operator: eq, value: \(text)"
            let source = "kind: Audience\nname: a\nconditions: [{ field: metadata.x, \(form) }]\n"
            let catalog = Fixture.catalog(source)
            let found = catalog.spec(AudienceSpec.self, tenant: "acme", name: "a")?.value.filter.json
            let read = found?["conditions"]?[0]?["value"]
            #expect((list ? read?[0] : read) == value, "\(Fixture.lines(source))")
            guard value == nil else { continue }
            let help = "write it in quotes; it is then compared as a text"
            #expect(Fixture.lines(source).first?.contains("has more digits than a number keeps (\(help))") == true)
        }
    }

    /// JSON has lost the digits before the filter is read.
    @Test func refusesLargeNumbersOfRequestsButTakesThoseOfRows() throws {
        let text = #"{"field":"metadata.x","operator":"eq","value":89254021064238701230}"#
        let json = try JSONValue(parsing: text)
        #expect(throws: SpecError.self) { try AudienceFilter(json: json) }
        #expect(try AudienceFilter(stored: json).json == json)
    }

    @Test(
        arguments: [
            ("field: lastSeen, operator: older_than, value: 90d", nil),
            ("field: lastSeen, operator: newer_than, value: -90d", "`-90d` is not a length of time (write `90d`)"),
            (
                "field: lastSeen, operator: newer_than, value: soon",
                "`soon` is not a length of time (write `30m`, `12h`, `7d` or `2w`)"
            ),
            (
                "field: lastSeen, operator: older_than, value: [7d]",
                "expected a length of time (write `30m`, `12h`, `7d` or `2w`)"
            ),
            ("field: metadata.x, operator: between, value: [1, 2.5]", nil),
            ("field: name, operator: between, value: [a, b]", nil),
            ("field: lastSeen, operator: between, value: [-30d, -7d]", nil),
            (
                "field: lastSeen, operator: between, value: [-7d, -30d]",
                "no value is between these two (write the smaller value first, and the later of two times last)"
            ),
            (
                "field: yearOfBirth, operator: between, value: [1990, 1980]",
                "no value is between these two (write the smaller value first, and the later of two times last)"
            ),
            (
                "field: metadata.x, operator: between, value: [1, b]",
                "`between` needs two numbers, two times or two texts"
            ),
            (
                "field: yearOfBirth, operator: between, value: [1990]",
                "`between` needs two values, the least and the greatest"
            ),
        ] as [(String, String?)]
    )
    func readsRangesAndLengths(condition: String, message: String?) {
        let lines = Self.lines(condition)
        #expect(lines.count == (message == nil ? 0 : 1), "\(lines)")
        if let message { #expect(lines.first?.firstMatch(of: /C03[23] (.*)/)?.1 == message[...], "\(lines)") }
    }
}
