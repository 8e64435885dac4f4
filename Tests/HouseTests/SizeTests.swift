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

    /// Statements stand in `Store`, whether a string has one line or many.
    @Test func statementsStandInTheStore() throws {
        let starts = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "]
        for source in try SourceFile.all()
        where source.path.hasPrefix("Sources/") && !["Store", "Postgres"].contains(source.target) {
            for (number, line) in source.lines.enumerated() {
                // A statement begins a line of a long string, or a short string.
                let text = line.drop { $0 == " " }
                let begins = starts.contains { text.hasPrefix($0) || line.contains("\"\($0)") }
                #expect(!begins, "\(source.path):\(number + 1) has SQL")
            }
        }
    }

    /// Lua stands in `.lua` files.
    @Test func scriptsStandInFilesOfTheirOwn() throws {
        for source in try SourceFile.all() where source.path.hasPrefix("Sources/") {
            #expect(!source.text.contains("redis.call("), "\(source.path) has Lua")
        }
    }
}
