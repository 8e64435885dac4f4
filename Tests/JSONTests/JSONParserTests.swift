import Foundation
import JSON
import Testing

struct JSONParserTests {
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

    @Test(arguments: [
        (#""a\ud83d""#, "a\u{FFFD}"), (#""\ud83dA\ude00b""#, "\u{FFFD}A\u{FFFD}b"),
        (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\n""#, "\u{FFFD}\n"),
    ])
    func repairsHalfCharactersIfAsked(text: String, repaired: String) throws {
        #expect(try JSONValue(parsing: text.utf8, isLenient: true) == .string(repaired))
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func repairsInvalidUTF8IfAsked() throws {
        let plain = try JSONValue(parsing: [0x22, 0xFF, 0x61, 0x22], isLenient: true)
        let escaped = try JSONValue(parsing: [0x22, 0xFF, 0x5C, 0x6E, 0x22], isLenient: true)
        #expect(plain == "\u{FFFD}a")
        #expect(escaped == "\u{FFFD}\n")
    }

    @Test(arguments: [
        ("1e999", "null"), ("[-1e999,1]", "[null,1]"), (#"{"a":1,"b":2,"a":{"c":3,"c":4}}"#, #"{"a":{"c":4},"b":2}"#),
        (#"{"a":1,"\u0061":2}"#, #"{"a":2}"#),
        (
            "{\((1...40).map { "\"k\($0 % 20 + 10)\":\($0)" }.joined(separator: ","))}",
            "{\((10...29).map { "\"k\($0)\":\($0 > 10 ? $0 + 10 : 40)" }.joined(separator: ","))}"
        ),
        (
            String(repeating: "[", count: 129) + #"{"a":"]}\"]"},7"# + String(repeating: "]", count: 129),
            String(repeating: "[", count: 128) + "null" + String(repeating: "]", count: 128)
        ),
    ])
    func readsWhatNobodyWouldWriteIfAsked(text: String, read: String) throws {
        #expect(try JSONValue(parsing: text.utf8, isLenient: true).canonicalText == read)
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test(arguments: ["{", "[1,]", "1e", "tru", "{\"a\":1 \"a\":2}", String(repeating: "[", count: 100_000), "[\"]"])
    func refusesWhatIsNotJSONWhateverIsAsked(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text.utf8, isLenient: true) }
    }

    @Test func sortsKeys() {
        let value: JSONValue = ["b": 1, "é": 2, "Z": 3, "a": ["y": 1, "x": 2], "a1": 4]
        #expect(value.canonicalText == "{\"Z\":3,\"a\":{\"x\":2,\"y\":1},\"a1\":4,\"b\":1,\"é\":2}")
    }
}
