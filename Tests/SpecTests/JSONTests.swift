import Foundation
import Spec
import Testing

struct JSONTests {
    @Test(arguments: [
        (
            "{\"b\": [1, -2.50, 1e3, true, null], \"a\": \"\\u00e9\\ud83d\\ude00\\n\\/\"}",
            "{\"a\":\"é😀\\n/\",\"b\":[1,-2.5,1000.0,true,null]}"
        ),
        ("  \"\\u0001\\t\" ", "\"\\u0001\\t\""), ("[]", "[]"), ("{}", "{}"), ("-0", "0"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9.223372036854776e+18"), ("0.1", "0.1"),
    ])
    func writesTheCanonicalText(text: String, canonical: String) throws {
        let value = try JSONValue(parsing: Data(text.utf8))
        #expect(value.canonicalText == canonical)
        #expect(try JSONValue(parsing: value.canonicalText) == value)
    }

    @Test(arguments: [
        "", "{", "[1,", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "-", "+1", ".5", "tru", "nul", "\"\\x\"", "\"a",
        "1 2",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\n\"", "{\"a\":1,\"a\":2}", "1e999", "NaN", "'a'", "\"\\u00g0\"",
        "\"\\u00",
        String(repeating: "[", count: 100_000),
    ])
    func refusesWhatIsNotJSON(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func refusesInvalidUTF8() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func sortsKeys() {
        let value: JSONValue = ["b": 1, "é": 2, "Z": 3, "a": ["y": 1, "x": 2], "a1": 4]
        #expect(value.canonicalText == "{\"Z\":3,\"a\":{\"x\":2,\"y\":1},\"a1\":4,\"b\":1,\"é\":2}")
    }
}
