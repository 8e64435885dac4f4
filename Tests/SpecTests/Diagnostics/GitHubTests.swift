import Foundation
import Spec
import Testing

/// The output of a step in a GitHub workflow, read as GitHub reads it.
struct GitHubTests {
    /// A workflow command, as the runner parses one line of output.
    private struct Command: Equatable {
        var type = ""
        var properties: [String: String] = [:]
        var message = ""

        init?(_ line: Substring) {
            guard line.hasPrefix("::"), let end = line.dropFirst(2).firstRange(of: "::") else { return nil }
            let head = line[line.index(line.startIndex, offsetBy: 2)..<end.lowerBound]
            let space = head.firstIndex(of: " ") ?? head.endIndex
            type = String(head[..<space])
            for part in head[space...].dropFirst().split(separator: ",") {
                guard let sign = part.firstIndex(of: "=") else { return nil }
                properties[String(part[..<sign])] = Self.unescape(part[part.index(after: sign)...])
            }
            message = Self.unescape(line[end.upperBound...])
        }

        private static func unescape(_ text: Substring) -> String {
            var text = String(text)
            for (code, character) in [("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")] {
                text = text.replacing(code, with: character)
            }
            return text
        }
    }

    private static func commands(_ text: String) throws -> [Command] {
        try text.split(separator: "\n").map { try #require(Command($0), "\($0)") }
    }

    private static func report(_ text: String, path: String = "campaigns/acme/test.yaml") -> GitHubReport {
        let catalog = Fixture.catalog(text, path: path)
        return DiagnosticRenderer(sources: catalog.sources).github(catalog.diagnostics)
    }

    @Test func anAnnotationStandsAtTheRange() throws {
        let report = Self.report("kind: Sendr\n")
        let command = try #require(try Self.commands(report.annotations).first)
        #expect(command.type == "error" && command.message == "unknown kind `Sendr`\nhelp: did you mean `Sender`?")
        #expect(
            command.properties == [
                "title": "C011", "file": "campaigns/acme/test.yaml", "line": "1", "endLine": "1", "col": "7",
                "endColumn": "12",
            ]
        )
        #expect(report.outputs.map { "\($0.name)=\($0.value)" } == ["valid=false", "errors=1", "warnings=0"])
    }

    @Test func propertiesAndMessagesAreEscaped() throws {
        let path = "campaigns/acme/50%, a:b\r\n::error::x.yaml"
        let report = Self.report("kind: \"100%\\r\\n::error file=x::no\"\n", path: path)
        #expect(report.annotations.split(separator: "\n").count == 1)
        #expect(!report.annotations.contains("\r"))
        let command = try #require(try Self.commands(report.annotations).first)
        #expect(command.properties["file"] == path)
        #expect(command.message.contains("unknown kind `100%\r\n::error file=x::no`"))
    }

    @Test func tenOfATypeErrorsFirstAndTheRestInTheSummary() throws {
        let warnings = (1...12).map { n in
            "kind: Template\nname: t\(n)\nwhatsappName: t\(n)\nlanguage: en\ncategory: utility\nbody: Hello\nfooter: on"
        }
        let wrong = "kind: Sender\nname: main\nphoneNumberId: \"1\"\naccessToken: env:T\n"
        let errors = wrong + (1...15).map { "x\($0): 1\n" }.joined()
        let report = Self.report((warnings + [errors]).joined(separator: "\n---\n"))
        let commands = try Self.commands(report.annotations)
        let types = commands.map(\.type)
        #expect(types == Array(repeating: "error", count: 10) + Array(repeating: "warning", count: 10) + ["notice"])
        #expect(commands.last?.message == "7 more in the summary of this step")
        #expect(report.stepSummary.hasPrefix("### Specs: 15 errors, 12 warnings\n"))
        let rows = report.stepSummary.split(separator: "\n").filter {
            $0.hasPrefix("| error") || $0.hasPrefix("| warn")
        }
        #expect(rows.count == 27 && rows[14].hasPrefix("| error") && rows[15].hasPrefix("| warning"))
    }

    @Test func nothingInASpecBecomesMarkupOfTheSummary() {
        let text = "kind: \"<img src=x>|`a`\\n# @team [x](http://y) ~~z~~ $a$ ``\"\n"
        let summary = Self.report(text).stepSummary
        let row = summary.split(separator: "\n").first { $0.hasPrefix("| error") } ?? ""
        #expect(row.matches(of: /\|/).count == 5, "\(row)")
        for markup in ["<img", "](", "~~", "@team", "# ", "$a", "``"] { #expect(!row.contains(markup), "\(markup)") }
    }

    @Test func aSummaryStaysBelowTheLimitOfGitHub() {
        let path = "campaigns/acme/\(String(repeating: "<", count: 200)).yaml"
        let place = SourcePlace(file: path)
        let many = (1...9_000).map { Diagnostic(.unknownField, at: place, "unknown field `\($0)`", help: "remove it") }
        let summary = DiagnosticRenderer(sources: [:]).github(many).stepSummary
        #expect(summary.utf8.count < 1 << 19 && summary.utf8.count > 1 << 18)
        #expect(summary.contains(/… and \d+ more\.\n$/))
    }

    @Test func outputsWithLineEndsCannotAddOthers() {
        #expect(GitHubText.output("digest", "sha256:00") == "digest=sha256:00\n")
        let lines = GitHubText.output("reason", "a\nadmin=true\nEOF").split(separator: "\n")
        #expect(lines.count == 5 && lines[0].hasPrefix("reason<<"))
        #expect(lines[0].dropFirst("reason<<".count) == lines[4])
        #expect(!lines[1...3].contains(lines[4]))
    }

    @Test func pathsAreRelativeToTheRepository() {
        let paths = RepositoryPaths(root: "/srv/repo", workingDirectory: "/srv/repo/deploy")
        #expect(paths.relative("campaigns/a.yaml") == "deploy/campaigns/a.yaml")
        #expect(paths.relative("../specs/./a.yaml") == "specs/a.yaml")
        #expect(paths.relative("/srv/repo/x/a.yaml") == "x/a.yaml")
        #expect(paths.relative("/srv/repo-evil/a.yaml") == "/srv/repo-evil/a.yaml")
        #expect(RepositoryPaths().relative("./campaigns/a.yaml") == "campaigns/a.yaml")
    }
}
