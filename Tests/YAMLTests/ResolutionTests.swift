import Testing
import YAML

struct ResolutionTests {
    @Test(arguments: [
        ("", "null"), ("~", "null"), ("null", "null"), ("NULL", "null"), ("nULL", "'nULL'"),
        ("true", "true"), ("False", "false"), ("tRue", "'tRue'"),
        ("no", "'no'"), ("on", "'on'"), ("08:30", "'08:30'"), ("2024-01-01", "'2024-01-01'"),
        ("0", "0"), ("-12", "-12"), ("+7", "7"), ("0777", "777"), ("0o17", "15"), ("0x1F", "31"), ("0x", "'0x'"),
        ("0x-1", "'0x-1'"), ("1_000", "'1_000'"), ("1.5", "float(1.5)"), ("1.", "float(1.0)"), (".5", "float(0.5)"),
        ("-.5e3", "float(-500.0)"), ("1e3", "float(1000.0)"), ("1e", "'1e'"), (".inf", "float(inf)"),
        ("-.INF", "float(-inf)"), (".", "'.'"), ("-", "[null]"), ("+", "'+'"), ("1.2.3", "'1.2.3'"), ("nan", "'nan'"),
        ("99999999999999999999", "float(1e+20)"), ("\"1\"", "'1'"), ("'true'", "'true'"), ("!!str 1", "'1'"),
        ("!!float 1", "1"), ("! 1", "'1'"), ("|\n  a\n  b\n", "'a\nb\n'"),
    ])
    func resolvesTheCoreSchema(source: String, expected: String) throws {
        let stream = YAMLReader().read(Array("value: \(source)".replacingDash.utf8))
        #expect(stream.problems == [])
        let value = try #require(stream.documents.first?.mapping?["value"])
        #expect(Outline.of(value) == expected)
    }

    @Test(
        arguments: [
            ("no", YAML11Reading.bool(false)), ("On", .bool(true)), ("y", .bool(true)), ("08:30", .sexagesimal),
            ("12:30:45", .sexagesimal), ("2024-01-01", .timestamp), ("2024-01-01T10:00:00Z", .timestamp),
            ("0777", .octal),
            ("0b101", .number), ("1_000", .number),
            ("nO", nil), ("true", nil), ("12", nil), ("0", nil), ("a:b", nil), ("10:99", nil), ("2024-01", nil),
            ("_1", nil),
        ] as [(String, YAML11Reading?)]
    )
    func knowsWhatOlderReadersSee(text: String, expected: YAML11Reading?) {
        #expect(YAMLScalar(text: text, style: .plain).yaml11Reading == expected)
        #expect(YAMLScalar(text: text, style: .doubleQuoted).yaml11Reading == nil)
    }
}

extension String {
    /// Puts a lone list dash on its own line, where YAML allows it.
    fileprivate var replacingDash: String {
        self == "value: -" ? "value:\n  -" : self
    }
}
