import Testing
import YAML

struct ReaderTests {
    @Test func keepsPlacesOfKeysAndValues() throws {
        let stream = YAMLReader().read(Array("\u{FEFF}a: ü\nliste:\n  - {b: 'x', c: [1, 2]}\n".utf8))
        let root = try #require(stream.documents.first?.mapping)
        #expect(Outline.of(root.pairs[0].keyRange) == "1:1-1:2")
        #expect(Outline.of(root.pairs[0].value.range) == "1:4-1:5")
        #expect(root.pairs[0].value.range.start.offset == 6)
        let list = root.pairs[1]
        #expect(list.keyRange.start.offset == 9)
        #expect(Outline.of(list.value.range) == "3:3-3:24")
        let inner = try #require(list.value.sequence?.first?.mapping)
        #expect(Outline.of(inner.pairs[0].value.range) == "3:9-3:12")
        #expect(Outline.of(inner.pairs[1].value.range) == "3:17-3:23")
    }

    @Test func readsSeveralDocumentsAndSkipsEmptyOnes() {
        let stream = YAMLReader().read(Array("a: 1\n---\nb: 2\n---\n# nothing\n...\n---\n- x\n".utf8))
        #expect(stream.problems == [])
        #expect(stream.documents.map(Outline.of) == ["{a: 1}", "{b: 2}", "null", "['x']"])
    }

    @Test func expandsAliasesAtTheirPlace() throws {
        let stream = YAMLReader().read(Array("a: &x {k: 1}\nb: *x\n".utf8))
        #expect(stream.documents.map(Outline.of) == ["{a: {k: 1}, b: {k: 1}}"])
        let alias = try #require(stream.documents.first?.mapping?["b"])
        #expect(Outline.of(alias.range) == "2:4-2:6")
    }

    @Test(arguments: [
        (
            "a: 1\nb: 2\na: 3\nb: 4\n",
            "{a: 1, b: 2}",
            [
                "3:1-3:2 duplicateKey: duplicate key `a` (remove one of the two) [1:1-1:2 first given here]",
                "4:1-4:2 duplicateKey: duplicate key `b` (remove one of the two) [2:1-2:2 first given here]",
            ]
        ),
        (
            "a: &x {k: 1}\nb:\n  <<: *x\n  c: 2\n", "{a: {k: 1}, b: {c: 2}}",
            ["3:3-3:5 mergeKey: merge key `<<` is not part of YAML 1.2 (write the fields out here)"]
        ),
        (
            "1: a\ntrue: b\n", "{1: 'a', true: 'b'}",
            [
                "1:1-1:2 nonStringKey: key `1` is an integer, not a string (write it as \"1\")",
                "2:1-2:5 nonStringKey: key `true` is a boolean, not a string (write it as \"true\")",
            ]
        ),
        (
            "a: {{name}}\nb: 1\n", "{a: <invalid>, b: 1}",
            [
                "1:5-1:11 nonStringKey: a key must be a string, not a list or a mapping "
                    + "(if this is a placeholder, put the whole value in quotes: \"{{name}}\")"
            ]
        ),
        (
            "a: !!binary x\nb: !thing [1]\nc: !!int x\n", "{a: 'x', b: [1], c: 'x'}",
            [
                "1:4-1:14 unknownTag: unknown tag `!!binary` (remove the tag)",
                "2:4-2:12 unknownTag: unknown tag `!thing` (remove the tag)",
                "3:4-3:11 unknownTag: `x` is not a value of tag `!!int` (remove the tag)",
            ]
        ),
        (
            "a: *x\nb: &y [*y]\n", "{a: <invalid>, b: [<invalid>]}",
            [
                "1:4-1:6 unknownAnchor: unknown anchor `x` (define it earlier in the same document with `&x`)",
                "2:8-2:10 unknownAnchor: alias `*y` is inside the value that it names",
            ]
        ),
        (
            "a:\t1 # comment\twith tab\nb: 'in\tside'\n", "{a: 1, b: 'in\tside'}",
            ["1:3-1:4 tab: tab between values (use spaces)"]
        ),
    ])
    func recoversFrom(source: String, outline: String, problems: [String]) {
        let stream = YAMLReader().read(Array(source.utf8))
        #expect(stream.problems.map(Outline.of) == problems)
        #expect(stream.documents.map(Outline.of) == [outline])
    }

    @Test(arguments: [
        ("a:\n\tb: 1\n", "2:1-2:2 tab: tab in the indentation (indent with spaces)"),
        (
            "a: {{name}} there\n",
            "1:4-1:6 syntax: `{{` starts a mapping in YAML, not a placeholder "
                + "(put the whole value in quotes: \"{{name}}\")"
        ),
        ("a: \"b\nc: d\n", "1:4-1:5 syntax: this quote is never closed (add the closing quote)"),
        (
            "a: b: c\n",
            "1:5-1:6 syntax: a `:` is not possible here (put the value in quotes if the colon belongs to it)"
        ),
        ("a: @b\n", "1:4-1:5 syntax: a plain value cannot start with `@` (put the value in quotes)"),
        ("a: [1, 2", "1:4-1:5 syntax: this `[` is never closed (add the closing `]`)"),
        ("a: {b: 2\n\n\n", "1:4-1:5 syntax: this `{` is never closed (add the closing `}`)"),
        (
            "a: 1\nbé c \nd: 2",
            "2:1-2:5 syntax: expected `:` after this key "
                + "(check the indentation, and whether it belongs to the line above)"
        ),
        (
            "a: [&",
            "1:6-1:7 syntax: expected the name of an anchor (put the value in quotes if it starts with `&` or `*`)"
        ),
        (
            "a: [1, 2\nb: 3\n",
            "2:2-2:3 syntax: expected `,` or `]` (close it with `]`, or put the value in quotes) [1:4-1:5 opened here]"
        ),
        (
            "a: 1\n  b: 2\n",
            "2:4-2:5 syntax: a `:` is not possible here (put the value in quotes if the colon belongs to it)"
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "3:2-3:3 syntax: this does not fit the mapping around it (check its indentation, and the line above)"
        ),
        (
            "a: b\u{0}c\n",
            "1:5-1:6 encoding: control character 0x00 in the text (remove it, or write it as an escape in double quotes)"
        ),
    ])
    func explainsSyntaxErrors(source: String, problem: String) {
        let stream = YAMLReader().read(Array(source.utf8))
        #expect(stream.problems.map(Outline.of) == [problem])
        #expect(stream.documents.isEmpty)
    }

    @Test(arguments: [
        (
            #"\q"#,
            "1:5-1:7 syntax: unknown escape `\\q` in double quotes (write the backslash twice, or put the text in single quotes)"
        ),
        (
            #"é\ü"#,
            "1:6-1:8 syntax: unknown escape `\\ü` in double quotes (write the backslash twice, or put the text in single quotes)"
        ),
        (
            #"\x4"#,
            #"1:5-1:8 syntax: `\x` needs 2 hexadecimal digits behind it (write it like `\x41`, or write the backslash twice)"#
        ),
        (
            #"\users"#,
            #"1:5-1:7 syntax: `\u` needs 4 hexadecimal digits behind it (write it like `\u0041`, or write the backslash twice)"#
        ),
        (#"\U00110000"#, #"1:5-1:15 syntax: no character has the code `\U00110000` (the last one is `\U0010FFFF`)"#),
        (
            #"\ud83d\ude00"#,
            #"1:5-1:11 syntax: `\ud83d` is only half of a character (YAML has no surrogates as JSON does: "#
                + #"write the character itself or as `\U0001F600`)"#
        ),
        (
            #"\ude00"#,
            #"1:5-1:11 syntax: `\ude00` is only half of a character (YAML has no surrogates as JSON does: "#
                + #"write the character itself, or with `\U` and its 8 digits)"#
        ),
    ])
    func explainsWrongEscapes(text: String, problem: String) {
        #expect(YAMLReader().read(Array("a: \"\(text)\"\n".utf8)).problems.map(Outline.of) == [problem])
    }

    @Test(arguments: ["\u{85}", "\u{2028}", "\u{2029}"])
    func refusesLineBreaksThatEditorsIgnore(_ separator: String) {
        let code = String(separator.unicodeScalars.first?.value ?? 0, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: 4 - code.count) + code
        let stream = YAMLReader().read(Array("a: 1\nb: x\(separator)y\n".utf8))
        #expect(
            stream.problems.map(Outline.of) == [
                "2:5-2:6 encoding: character U+\(padded) ends a line for some programs only "
                    + "(remove it, or write it as an escape in double quotes)"
            ]
        )
    }

    @Test func endsInTheLastLine() {
        let stream = YAMLReader().read(Array("a: 1\r\nü: x".utf8))
        #expect(stream.documents.map { Outline.of($0.range) } == ["1:1-2:5"])
        #expect(
            YAMLReader().read(Array("a: 1\n---".utf8)).documents.map { Outline.of($0.range) } == ["1:1-1:5", "2:4-2:4"]
        )
    }

    @Test func goesOnAtTheNextDocument() {
        let source = "ü: 1\n---\na: [\n---\nb: 2\n---\nc: 'x\n---\nd: ü\n"
        let stream = YAMLReader().read(Array(source.utf8))
        #expect(stream.documents.map(Outline.of) == ["{ü: 1}", "{b: 2}", "{d: 'ü'}"])
        #expect(stream.problems.map(\.range.start.line) == [4, 7])
        #expect(stream.documents.last?.range.start.line == 9)
        #expect(stream.documents.last?.mapping?["d"]?.range.start.offset == source.utf8.count - 3)
    }

    @Test func locatesInvalidText() {
        let stream = YAMLReader().read(Array("a: ü\nb: ".utf8) + [0xC3, 0x28])
        #expect(
            stream.problems.map(Outline.of) == [
                "2:4-2:5 encoding: byte 0xC3 is not valid UTF-8 text here (save the file as UTF-8)"
            ]
        )
    }

    /// Short mappings are walked through, and long ones have an index of their keys; both must find the same.
    @Test(arguments: [0, 7, 8, 9, 30])
    func findsKeysThatComeTwiceHoweverFarApart(between: Int) throws {
        let others = (0..<between).map { "type\($0): 1\n" }.joined()
        let stream = YAMLReader().read(Array("type: 1\n\(others)type: 2\nlast: 3\n".utf8))
        #expect(stream.problems.map(\.kind) == [.duplicateKey])
        #expect(stream.problems.first?.range.start.line == between + 2)
        #expect(stream.problems.first?.related?.range.start.line == 1)
        let mapping = try #require(stream.documents.first?.mapping)
        #expect(mapping.pairs.count == between + 2)
        #expect(mapping["type"]?.scalar?.text == "1")
        #expect(mapping["last"]?.scalar?.text == "3")
        #expect(mapping["typ"] == nil)
    }

    /// One key with an accented letter, and one with a letter and an accent, are equal to every reader but not in bytes.
    @Test(arguments: [0, 8])
    func findsKeysThatAreWrittenInTwoWays(between: Int) {
        let others = (0..<between).map { "k\($0): 1\n" }.joined()
        for (first, second) in [("caf\u{E9}", "cafe\u{301}"), ("cafe\u{301}", "caf\u{E9}")] {
            let stream = YAMLReader().read(Array("\(first): 1\n\(others)\(second): 2\n".utf8))
            #expect(stream.problems.map(\.kind) == [.duplicateKey])
        }
    }

    @Test func saysWhetherThereIsANULCharacter() {
        #expect(!YAMLReader().read(Array("a: 'x'\nb: \"\\u0001\"\n".utf8)).hasNUL)
        #expect(YAMLReader().read(Array("a: [1, {\"k\\0\": 2}]\n".utf8)).hasNUL)
        #expect(YAMLReader().read(Array("---\na: 1\n---\n- \"\\u0000\"\n".utf8)).hasNUL)
    }

    @Test(arguments: [
        ("a: |\n  x\n  <<<<<<< HEAD\n  y\n  =======\n  z\n  >>>>>>> other\n", ["3:3"]),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n", ["1:1"]),
        ("a: 1\n>>>>>>> other\n", ["2:1"]),
        ("a: \"é <<<<<<< HEAD\"\n# <<<<<<<\n", ["1:7", "2:3"]),
        ("a: <<<<<< and <<<<<<<< and x >>>>>>> y\nb: '======='\n", []),
    ])
    func findsConflictMarkersInAnyText(text: String, places: [String]) {
        let problems = YAMLReader().read(Array(text.utf8)).problems
        #expect(problems.map { "\($0.range.start.line):\($0.range.start.column)" } == places, "\(problems)")
        #expect(problems.allSatisfy { $0.kind == .conflictMarker && $0.help?.contains("<<<<<<<") == true })
    }
}
