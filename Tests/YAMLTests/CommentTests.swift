import Testing
import YAML

struct CommentTests {
    @Test(arguments: [
        ("a: 1 # one\n", ["1: one"]),
        ("# above\n# and more\na: 1\n", ["3: above", "3: and more"]),
        ("# lost\n\na: 1\n", ["1: lost"]),
        ("a: 1\n# at the end", ["2: at the end"]),
        ("a: '# no'\nb: \"# no\"\nc: x#no\nd: 'it''s # no' # yes\n", ["4: yes"]),
        ("a: |\n  # no\n  x\n# yes\nb: 2\n", ["5: yes"]),
        ("a: > # head\n  # no\n", ["1: head"]),
        ("a: plain\n  goes # on\n", ["2: on"]),
        ("a: [ # in\n  1, # first\n  # below\n  2 ]\n", ["1: in", "2: first", "4: below"]),
        ("a: 'x\n  # no\n  y' # yes\n", ["3: yes"]),
        ("a: 1\r\n# windows\r\nb: 2\r\n", ["3: windows"]),
        ("a: \"ü\" # ü\r# next\rb: 1\n", ["1: ü", "3: next"]),
        ("%YAML 1.2 # version\n--- # start\na: 1\n... # end\n", ["1: version", "2: start", "4: end"]),
        ("--- # good\na: 1\n--- # bad\nb: [ 'x\n# lost\n--- # good\nc: 1\n", ["1: good", "6: good"]),
    ])
    func findsComments(source: String, expected: [String]) {
        let stream = YAMLReader().read(Array(source.utf8))
        #expect(stream.comments.map { "\($0.subjectLine):\($0.text)" } == expected)
    }

    @Test func locatesComments() throws {
        let comment = try #require(YAMLReader().read(Array("\u{FEFF}b: 'ü' # x\n".utf8)).comments.first)
        #expect(Outline.of(comment.range) == "1:8-1:11")
        #expect(comment.range.start.offset == 11)
    }

    @Test func ignoresTabsInUnparsedText() {
        let stream = YAMLReader().read(Array("a: [ x: y\n--- \nb: 'in\tside'\nc: [\nd: \"in\tside\"\n".utf8))
        #expect(stream.problems.allSatisfy { $0.kind == .syntax })
    }
}
