import Foundation
import Testing

/// Holds the sizes of files and folders, and keeps statements and scripts where a reader looks for them.
struct SizeTests {
    @Test func filesHaveAtMost500Lines() throws {
        for source in try SourceFile.all() {
            #expect(source.lines.count <= 501, "\(source.path) has \(source.lines.count - 1) lines")
        }
    }

    @Test func foldersHoldAtMost15Files() throws {
        for (folder, files) in Dictionary(grouping: try SourceFile.all(), by: \.folder) {
            #expect(files.count <= 15, "\(folder) holds \(files.count) files")
        }
    }

    /// Statements stand in `Store`, in one line or in many.
    @Test func statementsStandInTheStore() throws {
        let statement = /\b(SELECT\s[^;"]*\sFROM|INSERT INTO|UPDATE\s+"?\w+"?\s+SET|DELETE FROM)\b/
        for source in try SourceFile.all()
        where source.path.hasPrefix("Sources/") && !["Store", "Postgres"].contains(source.target) {
            let code = source.text.replacing(/^\s*\/\/.*$/.anchorsMatchLineEndings(), with: "")
            for literal in code.matches(of: /"""[\s\S]*?"""|"[^"\n]*"/) {
                #expect(literal.output.firstMatch(of: statement) == nil, "\(source.path) has SQL: \(literal.output)")
            }
        }
    }

    /// Lua stands in `.lua` files.
    @Test func scriptsStandInFilesOfTheirOwn() throws {
        for source in try SourceFile.all() where source.path.hasPrefix("Sources/") {
            #expect(source.text.firstMatch(of: /redis\.call\(/) == nil, "\(source.path) has Lua")
        }
    }
}
