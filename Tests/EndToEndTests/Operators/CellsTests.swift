import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// Two cells in two schemas of one database.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct CellsTests {
    /// Runs `body` with two cells, `one` for the tenant a and `two` for all others, and a folder with specs of both.
    private static func withCells(
        _ body: (_ run: (String, [String]) async throws -> ChildProcess.Outcome, PostgresPool) async throws -> Void
    ) async throws {
        try await withDatabase(isMigrated: false) { folder, pool, environment in
            let file = folder.appending(path: "cells.yaml")
            let text = """
                cells:
                  - { name: one, database: "env:ONE", schema: one, prefix: "one:", tenants: [a] }
                  - { name: two, database: "env:ONE", schema: two, prefix: "two:", tenants: ["*"] }
                """
            try text.write(to: file, atomically: true, encoding: .utf8)
            for tenant in ["a", "b"] {
                let specs = folder.appending(path: "campaigns/\(tenant)")
                try FileManager.default.createDirectory(at: specs, withIntermediateDirectories: true)
                try SpecsStage.sender.write(to: specs.appending(path: "s.yaml"), atomically: true, encoding: .utf8)
            }
            var variables = environment
            variables["ONE"] = variables.removeValue(forKey: "DATABASE_URL")
            variables["CELLS_FILE"] = file.path
            let campaigns = folder.appending(path: "campaigns").path
            try await body(
                { command, arguments in
                    try await Command.run(
                        command,
                        arguments.map { $0 == "SPECS" ? campaigns : $0 },
                        environment: variables
                    )
                },
                pool
            )
        }
    }

    @Test(.timeLimit(.minutes(2))) func everythingGoesToTheCellOfItsTenant() async throws {
        try await Self.withCells { run, pool in
            let list = try await run("campaignd", ["cells", "list"])
            #expect(list.output == "one, schema one: a\ntwo, schema two: *\n")
            #expect(try await run("campaignd", ["cells", "status"]).exitCode == 1, "they have no tables yet")
            #expect(try await run("campaignd", ["cells", "create", "one"]).exitCode == 0)
            #expect(try await run("campaignd", ["cells", "create", "one"]).errors.contains("has tables already"))
            let migrated = try await run("campaignd", ["cells", "migrate"])
            #expect(migrated.exitCode == 0 && migrated.output.contains("one: up to date"), "\(migrated)")
            // A plan for both cells would not be one transaction.
            let both = try await run("reconcile", ["SPECS", "--yes"])
            #expect(both.exitCode != 0 && both.errors.contains("lie in several cells: one (a), two (b)"), "\(both)")
            #expect(try await run("reconcile", ["SPECS", "--yes", "--cell", "one"]).exitCode == 0)
            #expect(try await run("reconcile", ["SPECS", "--yes", "--tenant", "b"]).exitCode == 0)
            let wrong = try await run("reconcile", ["SPECS", "--yes", "--cell", "one", "--tenant", "b"])
            #expect(wrong.errors.contains("the tenant `b` lies in the cell `two`, not in `one`"))
            let senders = try await pool.query(
                #"SELECT (SELECT string_agg("tenantId", ',') FROM one.senders), string_agg("tenantId", ',') FROM two.senders"#
            )
            #expect(try senders[0].decode(0) == "a")
            #expect(try senders[0].decode(1) == "b")
            for (tenant, isThere) in [("a", true), ("b", true), ("c", false)] {
                let found = try await run("campaignd", ["list", "--tenant", tenant])
                #expect((found.exitCode == 0) == isThere, "\(found)")
            }
            #expect(try await run("campaignd", ["list"]).errors.contains("give --cell or --tenant"))
            #expect(try await run("campaignd", ["run"]).errors.contains("give --cell or --tenant"))
            #expect(try await run("campaignd", ["cells", "status"]).exitCode == 0)
            try await pool.transaction { connection in
                // Triggers find their tables on the search path.
                try await connection.execute("SELECT set_config('search_path', 'two', true)")
                try await connection.execute(#"UPDATE senders SET "tenantId" = 'a'"#)
            }
            let status = try await run("campaignd", ["cells", "status", "--cell", "two"])
            #expect(status.exitCode == 1 && status.output.contains("holds tenants of other cells: a"), "\(status)")
        }
    }
}
