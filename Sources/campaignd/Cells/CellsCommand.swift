import ArgumentParser
import Cells
import CommandKit
import Foundation
import JSON
import Logging
import Postgres
import Store

struct CellsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cells",
        abstract: "Show and prepare the cells of CELLS_FILE: databases, each with some tenants.",
        discussion: """
            Without CELLS_FILE there is one cell, `default`, with all tenants.

            Examples:
              campaignd cells list
              campaignd cells create large
              campaignd cells migrate
              campaignd cells status --format json
            """,
        subcommands: [
            CellsListCommand.self, CellsCreateCommand.self, CellsMigrateCommand.self, CellsStatusCommand.self,
        ]
    )
}

private struct CellsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the cells and their tenants; no server is asked.",
        discussion: """
            Examples:
              campaignd cells list
              campaignd cells list --format json
            """
    )

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let cells = try database.chosenCells()
        output.write(
            ["items": .array(cells.map(\.json))],
            text: cells.map { cell in
                let schema = cell.schema.map { ", schema \($0)" } ?? ""
                return "\(cell.name)\(schema): \(cell.tenants.map(\.text).joined(separator: ", "))"
            }
            .joined(separator: "\n")
        )
    }
}

private struct CellsCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create the schema and the tables of a new cell.",
        discussion: """
            The database must exist, and the cell must stand in CELLS_FILE. Nothing is done to a cell that has tables already.

            Examples:
              campaignd cells create large
            """
    )

    @Argument(help: "The cell.")
    var name: String

    @OptionGroup var output: FormatOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let cell = try CellFile.map(environment).cell(named: name)
        let applied = try await DatabaseOptions.withPool(try cell.postgres(environment)) { pool in
            let migrator = Migrator(pool: pool, logger: .command())
            guard try await migrator.pending().count == Migration.all.count else { throw CellExistsError(name: name) }
            return try await migrator.migrate()
        }
        output.write(
            ["cell": .string(name), "applied": .integer(applied.count)],
            text: "created \(name): \(applied.count) migrations"
        )
    }
}

private struct CellsMigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the schemas of all cells up to date, one after the other.",
        discussion: """
            A cell that cannot be migrated does not keep the others from it; the command fails at the end. Safe to repeat.

            Examples:
              campaignd cells migrate
              campaignd cells migrate --cell large
            """
    )

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        var (items, lines, failures): ([JSONValue], [String], Int) = ([], [], 0)
        for cell in try database.chosenCells() {
            do {
                let applied = try await DatabaseOptions.withPool(try cell.postgres(database.environment)) { pool in
                    try await Migrator(pool: pool, logger: .command()).migrate()
                }
                let notes = applied.flatMap(\.notes)
                items.append([
                    "cell": .string(cell.name), "applied": .integer(applied.count),
                    "notes": .array(notes.map { .string($0) }),
                ])
                lines.append("\(cell.name): " + (applied.isEmpty ? "up to date" : "\(applied.count) applied"))
                lines += notes
            } catch {
                failures += 1
                items.append(["cell": .string(cell.name), "problem": .string("\(error)")])
                lines.append("\(cell.name): failed: \(error)")
            }
        }
        output.write(["items": .array(items)], text: lines.joined(separator: "\n"))
        if failures > 0 { throw ExitCode.failure }
    }
}

private struct CellsStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Ask each cell whether it answers, is migrated, and which tenants it holds.",
        discussion: """
            Exits with 1 if a cell does not answer, lacks migrations, or holds a tenant of another cell.

            Examples:
              campaignd cells status
              campaignd cells status --cell large
            """
    )

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let map = try database.map() ?? .single
        var (items, lines, isGood): ([JSONValue], [String], Bool) = ([], [], true)
        for cell in try database.chosenCells() {
            let problem: String?
            var tenants: [String] = []
            do {
                tenants = try await DatabaseOptions.withPool(try cell.postgres(database.environment)) { pool in
                    let missing = try await Migrator(pool: pool, logger: .command()).pending().count
                    guard missing == 0 else { throw SchemaError.outdated(missing: missing) }
                    return try await CampaignRepository(pool: pool).tenants()
                }
                // A tenant of no cell is in the wrong one, too.
                let strangers = tenants.filter { (try? map.cell(of: $0)) != cell }
                problem = strangers.isEmpty ? nil : "holds tenants of other cells: \(strangers.joined(separator: ", "))"
            } catch {
                problem = "\(error)"
            }
            isGood = isGood && problem == nil
            var fields: [String: JSONValue] = [
                "cell": .string(cell.name), "tenants": .array(tenants.map { .string($0) }),
            ]
            fields["problem"] = problem.map { .string($0) }
            items.append(.object(fields))
            lines.append(
                "\(cell.name): \(problem ?? "ok"), \(tenants.count) \(tenants.count == 1 ? "tenant" : "tenants")"
            )
        }
        output.write(["items": .array(items)], text: lines.joined(separator: "\n"))
        if !isGood { throw ExitCode.failure }
    }
}

/// A cell that is to be created has tables already.
private struct CellExistsError: Error, CustomStringConvertible {
    let name: String
    var description: String {
        "the cell `\(name)` has tables already; bring it up to date: campaignd cells migrate --cell \(name)"
    }
}

extension DatabaseOptions {
    /// Returns the cell that was named, or all of them.
    fileprivate func chosenCells() throws -> [Cell] {
        let map = try map() ?? .single
        return try cell.map { [try map.cell(named: $0)] } ?? map.cells
    }
}

extension Cell {
    fileprivate func postgres(_ environment: [String: String]) throws -> PostgresConfiguration {
        try DatabaseOptions.configuration(try self.environment(environment))
    }

    fileprivate var json: JSONValue {
        var fields: [String: JSONValue] = [
            "cell": .string(name), "tenants": .array(tenants.map { .string($0.text) }),
        ]
        fields["schema"] = schema.map { .string($0) }
        return .object(fields)
    }
}
