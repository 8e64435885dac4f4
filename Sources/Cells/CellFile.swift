import Foundation
import Postgres
import Spelling
import YAML

/// Reads the file that `CELLS_FILE` names: a list `cells`, each with a name, servers and tenants.
public enum CellFile {
    /// The keys of a cell.
    private static let keys = [
        "name", "database", "schema", "listenDatabase", "readDatabase", "redis", "prefix", "tenants",
    ]

    /// Returns the map of an environment; blocks while it reads.
    ///
    /// - Parameter environment: The variables of the process.
    /// - Returns: The map of `CELLS_FILE`; without it, that of the variables themselves.
    /// - Throws: ``CellFileError``, with the lines of the file.
    public static func map(_ environment: [String: String]) throws(CellFileError) -> CellMap {
        guard let path = environment["CELLS_FILE"], !path.isEmpty else { return .single }
        let bytes: [UInt8]
        do {
            bytes = Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw CellFileError(path: path, problems: [.init(line: 0, "cannot be read: \(error.localizedDescription)")])
        }
        do throws(CellFileError) {
            return try map(of: bytes)
        } catch {
            throw CellFileError(path: path, problems: error.problems)
        }
    }

    /// Returns the map of a file.
    static func map(of bytes: [UInt8]) throws(CellFileError) -> CellMap {
        let stream = YAMLReader().read(bytes)
        var reading = Reading()
        for problem in stream.problems {
            let help = problem.help.map { "; \($0)" } ?? ""
            reading.report(problem.range.start.line, problem.message + help)
        }
        let items = stream.documents.count == 1 ? stream.documents[0].mapping?["cells"]?.sequence : nil
        guard let items, !items.isEmpty else {
            reading.report(1, "the file holds no cells; begin it with `cells:` and a list of them")
            throw CellFileError(problems: reading.problems)
        }
        for pair in stream.documents[0].mapping.map({ Array($0.pairs) }) ?? [] where pair.key != "cells" {
            reading.report(pair.keyRange.start.line, "unknown key `\(pair.key)`; the file has the key `cells`")
        }
        let cells = items.compactMap { reading.cell($0) }
        guard reading.problems.isEmpty else { throw CellFileError(problems: reading.problems) }
        return try CellMap(cells)
    }

    /// The reading of a file, with what is wrong in it.
    private struct Reading {
        var problems: [CellFileError.Problem] = []

        mutating func report(_ line: Int, _ text: String) { problems.append(.init(line: line, text)) }

        mutating func cell(_ node: YAMLNode) -> Cell? {
            let line = node.range.start.line
            guard let mapping = node.mapping else {
                report(line, "a cell is a mapping with the keys name, database and tenants")
                return nil
            }
            for pair in mapping.pairs where !keys.contains(pair.key) {
                let help = SpellingSuggestion.help(for: pair.key, among: keys, what: "a cell has")
                report(pair.keyRange.start.line, "unknown key `\(pair.key)`" + (help.map { "; " + $0 } ?? ""))
            }
            let name = setting("name", of: mapping)
            if let name, name.text.wholeMatch(of: /[a-z][a-z0-9-]{0,39}/) == nil {
                report(
                    name.line,
                    "`\(name.text)` is no name of a cell: use small letters, digits and -, a letter first"
                )
            }
            let database = setting("database", of: mapping)
            let tenants = tenants(of: mapping, line)
            for (key, value) in [("name", name), ("database", database)] where value == nil && mapping[key] == nil {
                report(line, "the cell has no `\(key)`")
            }
            let schema = setting("schema", of: mapping)
            if let schema, !PostgresConfiguration.isSchema(schema.text) {
                report(schema.line, "`\(schema.text)` cannot be used: \(PostgresConfiguration.schemaRule)")
            }
            guard let name, let database else { return nil }
            var servers = Cell.Servers(database: database, schema: schema)
            servers.listening = setting("listenDatabase", of: mapping)
            servers.replica = setting("readDatabase", of: mapping)
            servers.redis = setting("redis", of: mapping)
            servers.prefix = setting("prefix", of: mapping)
            return Cell(name: name.text, tenants: tenants, line: line, servers: servers)
        }

        private mutating func setting(_ key: String, of mapping: YAMLMapping) -> Cell.Servers.Setting? {
            guard let node = mapping[key] else { return nil }
            let line = node.range.start.line
            guard let scalar = node.scalar, scalar.value != .null, !scalar.text.isEmpty else {
                report(line, "`\(key)` takes a text")
                return nil
            }
            return .init(text: scalar.text, line: line)
        }

        private mutating func tenants(of mapping: YAMLMapping, _ line: Int) -> [TenantPattern] {
            guard let items = mapping["tenants"]?.sequence, !items.isEmpty else {
                let place = mapping["tenants"]?.range.start.line ?? line
                report(
                    place,
                    "`tenants` takes a list of tenants, of patterns such as \"shop-*\", or \"*\" for all others"
                )
                return []
            }
            return items.compactMap { item in
                let line = item.range.start.line
                guard let scalar = item.scalar, scalar.value != .null,
                    scalar.text.wholeMatch(of: /[^\s\/]{1,50}/) != nil
                else {
                    report(line, "a tenant is a text of at most 50 characters without blanks and slashes")
                    return nil
                }
                return TenantPattern(scalar.text, line: line)
            }
        }
    }
}

/// A mistake in the file of cells.
public struct CellFileError: Error, Hashable, CustomStringConvertible {
    /// One finding.
    public struct Problem: Hashable, Sendable {
        /// The line, from 1; 0 if the whole file is meant.
        public let line: Int
        public let text: String

        init(line: Int, _ text: String) {
            (self.line, self.text) = (line, text)
        }
    }

    /// The path of the file; `nil` until the caller that opened the file adds it.
    let path: String?
    public let problems: [Problem]

    init(path: String? = nil, problems: [Problem]) {
        (self.path, self.problems) = (path, problems)
    }

    public var description: String {
        problems.map { problem in
            let place = path.map { problem.line > 0 ? "\($0):\(problem.line)" : $0 }
            return "CELLS_FILE: " + (place ?? "line \(problem.line)") + ": " + problem.text
        }
        .joined(separator: "\n")
    }
}
