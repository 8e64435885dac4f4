import JSON
import Spec
import Testing

struct RenderingTests {
    @Test func showsTheLineTheRangeAndTheHelp() {
        let text = """
            kind: Audience
            name: unpaid
            conditions:
              - { fieldd: paymentStatus, operator: eq, value: unpaid }
            """
        #expect(
            Fixture.rendered(text) == """
                error[C012]: unknown field `fieldd`
                 --> campaigns/acme/test.yaml:4:7
                  |
                4 |   - { fieldd: paymentStatus, operator: eq, value: unpaid }
                  |       ^^^^^^
                  = help: did you mean `field`?

                """
        )
    }

    @Test func showsASecondPlace() {
        let text = String(repeating: "# filler\n", count: 8) + Fixture.sender + "\n---\n" + Fixture.sender
        #expect(
            Fixture.rendered(text) == """
                error[C020]: Sender `main` is defined twice in tenant `acme`
                  --> campaigns/acme/test.yaml:15:7
                   |
                15 | name: main
                   |       ^^^^
                  ::: campaigns/acme/test.yaml:10:7
                   |
                10 | name: main
                   |       ---- first defined here
                   = help: rename or remove one of the two

                """
        )
    }

    @Test func separatesDiagnosticsByAnEmptyLineAndMarksWarnings() {
        let text = """
            kind: Template
            name: on
            whatsappName: hello
            language: en
            category: utilty
            body: Hello
            """
        #expect(
            Fixture.rendered(text) == """
                warning[C010]: plain `on` is a string here, but the boolean true to YAML 1.1 readers
                 --> campaigns/acme/test.yaml:2:7
                  |
                2 | name: on
                  |       ^^
                  = help: write it as "on"

                error[C015]: `utilty` is not a value of `category`
                 --> campaigns/acme/test.yaml:5:11
                  |
                5 | category: utilty
                  |           ^^^^^^
                  = help: did you mean `utility`?

                """
        )
    }

    @Test func paintsOnlyWhenAsked() {
        let catalog = Fixture.catalog("kind: Sendr\n")
        let plain = DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics)
        let painted = DiagnosticRenderer(sources: catalog.sources, usesColour: true).text(catalog.diagnostics)
        #expect(!plain.contains("\u{1B}"))
        #expect(painted.contains("\u{1B}[1;31merror[C011]\u{1B}[0m"))
    }

    @Test func neverSendsControlCharactersToATerminal() {
        let place = SourcePlace(file: "a.yaml")
        let diagnostic = Diagnostic(.unknownField, at: place, "unknown field `\u{1B}[2J`")
        #expect(!DiagnosticRenderer(sources: ["a.yaml": "x\u{1B}[2J"]).text(diagnostic).contains("\u{1B}"))
    }

    @Test func writesJSON() {
        let catalog = Fixture.catalog("kind: Sendr\n")
        #expect(
            DiagnosticRenderer.json(catalog.diagnostics).canonicalText == """
                {"diagnostics":[{"code":"C011","field":"kind","file":"campaigns/acme/test.yaml",\
                "fix":{"isSure":false,"range":{"end":{"column":12,"line":1,"offset":11},\
                "start":{"column":7,"line":1,"offset":6}},"replacement":"Sender"},\
                "help":"did you mean `Sender`?","message":"unknown kind `Sendr`",\
                "range":{"end":{"column":12,"line":1,"offset":11},"start":{"column":7,"line":1,"offset":6}},\
                "severity":"error"}],"errorCount":1,"formatVersion":"1.0","valid":false,"warningCount":0}
                """
        )
    }

    @Test(arguments: DiagnosticCode.allCases)
    func explainsEveryCode(code: DiagnosticCode) {
        #expect(!code.title.isEmpty)
        #expect(code.explanation.hasSuffix("."))
    }
}
