import Foundation
import Testing

@testable import Cells

struct CellMapTests {
    private static let file = """
        cells:
          - name: large
            database: env:LARGE_DATABASE_URL
            schema: large
            redis: redis://10.0.0.5:6379/0
            tenants: [acme, "shop-*"]
          - name: rest
            database: postgresql://u@db/campaigns
            prefix: "rest:"
            tenants: ["*"]
        """

    private static func map(_ text: String) throws(CellFileError) -> CellMap { try CellFile.map(of: Array(text.utf8)) }

    private static func problems(_ text: String) -> [String] {
        do throws(CellFileError) {
            _ = try map(text)
            return []
        } catch {
            return error.problems.map { "\($0.line): \($0.text)" }
        }
    }

    @Test(arguments: [
        ("acme", "large"), ("shop-", "large"), ("shop-berlin", "large"), ("shop", "rest"), ("acme2", "rest"),
        ("*", "rest"),
    ])
    func eachTenantIsInOneCell(_ tenant: String, _ cell: String) throws {
        #expect(try Self.map(Self.file).cell(of: tenant).name == cell)
    }

    @Test func withoutAFileThereIsOneCell() throws {
        let map = try CellFile.map(["DATABASE_URL": "postgresql://db/x"])
        #expect(map.cells.map(\.name) == ["default"])
        #expect(!map.isDivided)
        #expect(
            try map.cell(ofAll: []).environment(["DATABASE_URL": "x", "A": "b"]) == ["DATABASE_URL": "x", "A": "b"]
        )
        #expect(try map.cell(ofAll: ["a", "b"]).name == "default")
    }

    @Test func aCellStandsForVariables() throws {
        let map = try Self.map(Self.file)
        let own = [
            "LARGE_DATABASE_URL": "postgresql://l@db/campaigns?sslmode=require", "REDIS_URL": "redis://r", "OTHER": "1",
            "DATABASE_URL": "unused", "DATABASE_READ_URL": "of another database", "REDIS_PREFIX": "of another cell",
        ]
        let large = try map.cell(named: "large").environment(own)
        #expect(large["DATABASE_URL"] == "postgresql://l@db/campaigns?sslmode=require&schema=large")
        #expect(large["REDIS_URL"] == "redis://10.0.0.5:6379/0")
        #expect(large["DATABASE_READ_URL"] == nil && large["REDIS_PREFIX"] == nil && large["OTHER"] == "1")
        let rest = try map.cell(named: "rest").environment(own)
        #expect(rest["DATABASE_URL"] == "postgresql://u@db/campaigns")
        #expect(rest["REDIS_URL"] == "redis://r" && rest["REDIS_PREFIX"] == "rest:")
        let path = ["CELLS_FILE": "/etc/cells.yaml"]
        let error = #expect(throws: CellFileError.self) { try map.cell(named: "large").environment(path) }
        let place = "CELLS_FILE: /etc/cells.yaml:3: the variable `LARGE_DATABASE_URL` is not set"
        #expect(error?.description.hasPrefix(place) == true)
    }

    @Test(arguments: [
        (["acme"], "acme", true), (["acme"], "acm", false), (["a*"], "*b", true), (["a*c"], "ab*", true),
        (["a*"], "b*", false), (["shop-*"], "shop", false), (["*x*"], "y*", true), (["a*b"], "ab", true),
        (["a*b"], "b*a", false), (["**"], "q", true),
    ])
    func patternsThatHaveATenantInCommonAreFound(_ first: [String], _ second: String, _ isConflict: Bool) {
        let text = """
            cells:
              - { name: a, database: one, prefix: a, tenants: ["\(first[0])"] }
              - { name: b, database: two, prefix: b, tenants: ["\(second)"] }
            """
        let problems = Self.problems(text)
        #expect(problems.count == (isConflict ? 1 : 0))
        if isConflict {
            #expect(problems[0].hasPrefix("3: ") && problems[0].contains("in `a` (line 2)") == true)
        }
    }

    @Test func everyFindingNamesItsLine() {
        let text = """
            cells:
              - name: One
                database: x
                tennants: [a]
              - name: two
                schema: Acme
                tenants: []
              - database: x
                tenants: [a b]
              - just a text
            more: 1
            """
        let problems = Self.problems(text)
        for start in [
            "6: `Acme` cannot be used: schema is a name", "2: `One` is no name of a cell", "4: unknown key `tennants`",
            "2: `tenants` takes a list",
            "5: the cell has no `database`",
            "7: `tenants` takes a list", "8: the cell has no `name`", "9: a tenant is a text",
            "10: a cell is a mapping",
            "11: unknown key `more`",
        ] {
            #expect(problems.contains { $0.hasPrefix(start) }, "\(start) in \(problems)")
        }
        for text in ["", "cells:", "cells: []", "- a", "cells: 1"] {
            #expect(Self.problems(text).contains { $0.hasPrefix("1: the file holds no cells") })
        }
    }

    @Test func cellsShareNeitherSchemaNorKeysOfRedis() {
        let same = """
            cells:
              - { name: a, database: one, tenants: [a] }
              - { name: b, database: one, tenants: [b] }
              - { name: a, database: one, schema: s, redis: r, tenants: [c] }
              - { name: c, database: one, schema: t, redis: r, tenants: ["*"] }
              - { name: d, database: two, redis: q, tenants: ["*"] }
              - { name: e, database: two, schema: public, redis: p, tenants: [e] }
            """
        let problems = Self.problems(same)
        for start in [
            "3: `b` has the database and schema of `a` (line 2)", "3: `b` has the keys in Redis of `a` (line 2)",
            "4: the name `a` is that of the cell in line 2", "5: `c` has the keys in Redis of `a` (line 4)",
            "6: `*` is in two cells: here in `d`, and in `c` (line 5)",
            "7: `e` has the database and schema of `d` (line 6)",
        ] {
            #expect(problems.contains { $0.hasPrefix(start) }, "\(start) in \(problems)")
        }
    }

    @Test func workOnSeveralTenantsGoesToOneCell() throws {
        let map = try Self.map(Self.file)
        #expect(try map.cell(ofAll: ["acme", "shop-1", "acme"]).name == "large")
        let several = #expect(throws: CellLookupError.self) { try map.cell(ofAll: ["acme", "b", "a"]) }
        let list = "rest (a, b), large (acme)"
        #expect(several?.description.hasPrefix("the tenants lie in several cells: \(list); ") == true)
        #expect(throws: CellLookupError.undecided(["large", "rest"])) { try map.cell(ofAll: []) }
        let name = #expect(throws: CellLookupError.self) { try map.cell(named: "larg") }
        #expect(name?.description == "no cell `larg`; did you mean `large`?")
    }

    @Test func tenantsWithoutACellAreToldOf() throws {
        let map = try Self.map("cells: [{ name: a, database: x, tenants: [acme] }]")
        #expect(throws: CellLookupError.tenant("other")) { try map.cell(of: "other") }
    }

    @Test func aFileThatCannotBeReadIsNamed() {
        let error = #expect(throws: CellFileError.self) { try CellFile.map(["CELLS_FILE": "/none/cells.yaml"]) }
        #expect(error?.description.hasPrefix("CELLS_FILE: /none/cells.yaml: cannot be read") == true)
    }
}
