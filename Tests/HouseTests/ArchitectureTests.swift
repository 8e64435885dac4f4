import Foundation
import Testing

/// Checks that the files, tests and fault cells in `docs/architecture.md` exist.
struct ArchitectureTests {
    private static func page() throws -> String {
        try String(contentsOf: SourceFile.root.appending(path: "docs/architecture.md"), encoding: .utf8)
    }

    /// The texts of all Swift files below a folder.
    private static func texts(below folder: String) throws -> String {
        let files = FileManager.default.enumerator(atPath: SourceFile.root.appending(path: folder).path)
        return try (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }.map { path in
            try String(contentsOf: SourceFile.root.appending(path: "\(folder)/\(path)"), encoding: .utf8)
        }.joined(separator: "\n")
    }

    @Test func filesExist() throws {
        let paths = try Self.page().matches(of: /\b(?:Sources|Tests|Tools|Scripts|docs)\/[A-Za-z0-9+\/._-]*[A-Za-z0-9]/)
        #expect(paths.count > 40, "the page names the files of its walks")
        for path in Set(paths.map { String($0.output) }) {
            #expect(
                FileManager.default.fileExists(atPath: SourceFile.root.appending(path: path).path),
                "docs/architecture.md names \(path), which does not exist"
            )
        }
    }

    @Test func testsExist() throws {
        let tests = try Self.texts(below: "Tests")
        let names = try Self.page().matches(of: /`([A-Za-z]+Tests)(?:\/([A-Za-z0-9]+))?`/)
        #expect(names.count > 8)
        for name in names {
            #expect(tests.contains("struct \(name.output.1) "), "docs/architecture.md names \(name.output.1)")
            if let function = name.output.2 {
                #expect(tests.contains("func \(function)("), "docs/architecture.md names \(function)")
            }
        }
    }

    @Test func faultCellsExist() throws {
        let cells = try Self.texts(below: "Tools/FaultHarness/Cells")
        let rows = try Self.page().matches(of: /^\| \d+ \|.*\|([^|]*)\|$/.anchorsMatchLineEndings())
        #expect(rows.count == 10, "one row per invariant")
        for cell in rows.flatMap({ $0.output.1.matches(of: /`([A-Z0-9a-z]+)`/) }).map(\.output.1) {
            #expect(cells.contains("\"\(cell)\""), "docs/architecture.md names the cell \(cell)")
        }
    }

    @Test func servicesExist() throws {
        let sources = try Self.texts(below: "Sources")
        let page = try Self.page()
        let table = try #require(page.firstMatch(of: /\| service \|[\s\S]*?\n\n/)).output
        for name in table.matches(of: /\| `(\w+)` \|/).map(\.output.1) {
            #expect(
                sources.contains("struct \(name)") || sources.contains("class \(name)"),
                "docs/architecture.md names the service \(name)"
            )
        }
    }
}
