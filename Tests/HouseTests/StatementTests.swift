import Foundation
import Testing

/// Checks the form of statements and migrations.
struct StatementTests {
    /// A state in quotes would compile with a typo: `Sources/Store/States` has the names.
    @Test func statementsNameStatesByTheirCases() throws {
        let state = /'(draft|scheduled|launching|running|paused|completed|cancelled|pending|queued|sending)'/
        for source in try SourceFile.all() where source.target == "Store" && !source.path.contains("/States/") {
            for (number, line) in source.lines.enumerated() where line.firstMatch(of: /^\s*\/\//) == nil {
                #expect(line.firstMatch(of: state) == nil, "\(source.path):\(number + 1) has a state in quotes")
            }
        }
    }

    /// A prepared statement is one command; several in one text run without parameters and without a plan.
    @Test func aStatementTextHoldsOneCommand() throws {
        let command = /;\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|DROP|ALTER|ANALYZE|SET|LOCK|COMMIT)\b/
        for source in try SourceFile.all() where source.target == "Store" {
            for literal in source.text.matches(of: /"""[\s\S]*?"""|"[^"\n]*"/) {
                #expect(literal.output.firstMatch(of: command) == nil, "\(source.path): \(literal.output)")
            }
        }
    }

    /// Each change has a statement of its own, so that it can be rolled out, locked and read by itself.
    @Test func newMigrationsHaveOneSubcommandForEachAlter() throws {
        let folder = SourceFile.root.appending(path: "Sources/Store/Migrations")
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            guard let number = Int(file.lastPathComponent.prefix(4)), number > 16 else { continue }
            let statements = Self.altersWithSeveralSubcommands(try String(contentsOf: file, encoding: .utf8))
            #expect(statements == [], "\(file.lastPathComponent)")
        }
        let sample = """
            ALTER TABLE a ADD COLUMN b numeric(10, 2); -- one, two
            ALTER TABLE a ADD COLUMN b int, ADD COLUMN c int;
            """
        #expect(Self.altersWithSeveralSubcommands(sample) == ["ALTER TABLE a ADD COLUMN b int, ADD COLUMN c int"])
    }

    /// The ALTER statements with a comma outside of parentheses.
    private static func altersWithSeveralSubcommands(_ sql: String) -> [String] {
        let code = sql.replacing(/--[^\n]*/, with: "")
        let statements = code.split(separator: ";").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        return statements.filter { statement in
            guard statement.uppercased().hasPrefix("ALTER ") else { return false }
            var depth = 0
            for character in statement {
                switch character {
                case "(": depth += 1
                case ")": depth -= 1
                case "," where depth == 0: return true
                default: break
                }
            }
            return false
        }
    }
}
