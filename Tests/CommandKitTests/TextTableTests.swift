import CommandKit
import Testing

/// Tables and widths of text on terminals.
struct TextTableTests {
    @Test func columnsAreAlignedAndTheLastIsFree() {
        var table = TextTable("campaign", "state", "waits")
        table.add("acme/a", "running", nil)
        table.add("acme/longer", "draft", "quota since today")
        table.note("a note")
        #expect(
            table.text == """
                campaign     state    waits
                acme/a       running  -
                acme/longer  draft    quota since today
                  a note

                """
        )
    }

    @Test func wideCharactersTakeTwoColumns() {
        #expect(TextWidth.of("abc") == 3)
        #expect(TextWidth.of("ß·é…█") == 5)
        #expect(TextWidth.of("你好") == 4)
        #expect(TextWidth.of("한국") == 4)
        #expect(TextWidth.of("👍") == 2)
        #expect(TextWidth.of("e\u{301}") == 1, "a letter with a combining mark")
    }

    @Test(arguments: [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("你好吗", 5, "你好…"), ("你好吗", 4, "你…"), ("ab", 0, ""),
    ])
    func textIsCutToColumns(text: String, columns: Int, expected: String) {
        #expect(TextWidth.cut(text, to: columns) == expected)
        #expect(TextWidth.of(TextWidth.cut(text, to: columns)) <= columns)
    }

    @Test func controlCharactersAreReplaced() {
        var table = TextTable("name")
        table.add("a\u{1B}[2Jb")
        #expect(!table.text.contains("\u{1B}"))
    }
}
