import Foundation
import Postgres
import TestSupport
import Testing

/// The documents of tables and states agree with the database and the code.
struct StatesDocumentTests {
    @Test func statesArePrintedFromTheTables() throws {
        let file = Document.folder.appending(path: "states.md")
        if ProcessInfo.processInfo.environment["DOCUMENTS_RECORD"] == "1" {
            try StatesDocument.text.write(to: file, atomically: true, encoding: .utf8)
        }
        let stored = try String(contentsOf: file, encoding: .utf8)
        #expect(stored == StatesDocument.text, "write docs/states.md anew with DOCUMENTS_RECORD=1")
    }
}

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct DataDocumentTests {
    @Test func everyColumnIsDescribed() async throws {
        try await compare(
            Document("data.md").rows(after: "| column |").map { "\($0.section).\($0.cells[0]) \($0.cells[1])" },
            """
            SELECT c.relname || '.' || a.attname || ' '
                || replace(
                    replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
                    'character varying', 'varchar'
                ) || CASE WHEN a.attnotnull THEN '' ELSE ' null' END
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
            """
        )
    }

    @Test func everyIndexIsDescribed() async throws {
        try await compare(
            Document("data.md").rows(after: "| index |").map { "\($0.section).\($0.cells[0])" },
            "SELECT tablename || '.' || indexname FROM pg_indexes WHERE schemaname = 'public'"
        )
    }

    @Test func everyTriggerIsDescribed() async throws {
        try await compare(
            Document("data.md").rows(after: "| trigger |").map { "\($0.cells[1]).\($0.cells[0])" },
            "SELECT tgrelid::regclass::text || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal"
        )
    }

    @Test func everyFunctionIsDescribed() async throws {
        try await compare(
            Document("data.md").rows(after: "| function |").map { $0.cells[0] },
            "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
    }

    private func compare(_ described: [String], _ query: PostgresQuery) async throws {
        try await Fixture.with(connections: 1) { fixture in
            let stored = Set(try await fixture.column(query, as: String.self))
            let described = Set(described)
            #expect(!stored.isEmpty)
            #expect(stored.subtracting(described).sorted() == [], "not in docs/data.md")
            #expect(described.subtracting(stored).sorted() == [], "only in docs/data.md")
        }
    }
}

/// A page of `docs`.
private struct Document {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs")

    private let lines: [Substring]

    init(_ name: String) throws {
        lines = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The rows of all tables with this head, each with the heading (`### …`) above it.
    func rows(after head: String) -> [(section: String, cells: [String])] {
        var rows: [(section: String, cells: [String])] = []
        var section = ""
        var isInside = false
        for line in lines {
            if line.hasPrefix("### `") { section = line.dropFirst(5).prefix { $0 != "`" }.description }
            if line.hasPrefix(head) {
                isInside = true
            } else if !line.hasPrefix("|") {
                isInside = false
            } else if isInside, !line.hasPrefix("|---") {
                let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .init(charactersIn: " `")) }
                rows.append((section, cells))
            }
        }
        return rows
    }
}
