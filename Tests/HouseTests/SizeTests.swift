import Foundation
import Testing

/// Checks the sizes of files and folders, and the places of SQL statements and scripts.
struct SizeTests {
    @Test func filesHaveAtMost500Lines() throws {
        for source in try SourceFile.all() {
            #expect(source.lines.count <= 501, "\(source.path) has \(source.lines.count - 1) lines")
        }
    }

    @Test func foldersHoldAtMost15Files() throws {
        let paths = SourceFile.paths(in: ["Sources", "Tests", "Tools"])
        try #require(!paths.isEmpty)
        for (folder, files) in Dictionary(grouping: paths, by: { $0.split(separator: "/").dropLast() }) {
            #expect(files.count <= 15, "\(folder.joined(separator: "/")) holds \(files.count) files")
        }
    }

    @Test func theReadmeHasAtMost200Lines() throws {
        let file = SourceFile.root.appending(path: "README.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 201)
    }

    /// Only `Store` contains SQL statements, in strings of one line or many.
    @Test func statementsStandInTheStore() throws {
        let starts = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH "]
        for source in try SourceFile.all()
        where source.path.hasPrefix("Sources/") && !["Store", "Postgres"].contains(source.target) {
            for (number, line) in source.lines.enumerated() {
                // A statement begins at the start of a short string, or of a line in a long one.
                let text = line.drop { $0 == " " }
                let begins = starts.contains { text.hasPrefix($0) || line.contains("\"\($0)") }
                #expect(!begins, "\(source.path):\(number + 1) has SQL")
            }
        }
    }

    /// Only `.lua` files contain Lua.
    @Test func scriptsStandInFilesOfTheirOwn() throws {
        for source in try SourceFile.all() where source.path.hasPrefix("Sources/") {
            #expect(!source.text.contains("redis.call("), "\(source.path) has Lua")
        }
    }
}
