import Foundation
import JSON
public import Logging
public import Postgres
import Spec
import Store

/// Writes what is in the database as specs.
public struct Exporter: Sendable {
    /// A file of specs.
    public struct File: Hashable, Sendable {
        /// Below the folder of all specs: `acme/reminders.yaml`.
        public let path: String
        public let text: String
    }

    /// What was written, and what could not be.
    public struct Export: Sendable {
        /// Sorted by path.
        public let files: [File]
        /// Rows that no spec can stand for, in words.
        public let skipped: [String]
        /// Rows that were written as they are, and that the rules of today would not take in, in words.
        public let outdated: [String]
    }

    /// Where rows go that no spec manages yet.
    private static let unmanagedFile = "unmanaged.yaml"

    private let pool: PostgresPool
    private let logger: Logger

    public init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    /// Writes the specs of one tenant: each into the file that it came from, and rows of others into a file of their
    /// own, from which `reconcile --adopt` takes them over unchanged.
    ///
    /// - Throws: `SchemaError` when the database is not migrated, `PostgresError`.
    public func export(tenant: String) async throws -> Export {
        let missing = try await Migrator(pool: pool, logger: logger).pending()
        guard missing.isEmpty else { throw SchemaError.outdated(missing: missing.count) }
        let rows = try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            var rows: [ManagedRow] = []
            for kind in SpecKind.allCases {
                let repository = ManagedRepository(kind: kind)
                rows += try await repository.rows(tenants: [tenant], on: connection)
                rows += try await repository.unmanagedRows(tenants: [tenant], on: connection)
            }
            return rows
        }
        return Self.files(of: rows.sorted { $0.identity < $1.identity })
    }

    static func files(of rows: [ManagedRow]) -> Export {
        var documents: [String: [String]] = [:]
        var (skipped, outdated): ([String], [String]) = ([], [])
        for row in rows {
            let file = row.content["sourceFile"]?.stringValue ?? "\(row.identity.tenant)/\(unmanagedFile)"
            guard SpecIdentity.isSlug(row.identity.name) else {
                let name = row.identity.name.isEmpty ? "no name" : "the name `\(row.identity.name)`, which is no slug"
                skipped.append("\(row.identity.kind.rawValue) \(row.id.uuidString.lowercased()) has \(name)")
                continue
            }
            do {
                let content = canonical(row)
                let document = try SpecWriter.document(row.identity.kind, stored: content)
                documents[file, default: []].append(document)
                if let objection = objection(to: content, row.identity.kind) {
                    outdated.append("\(row.identity) is no valid spec any more: \(objection)")
                }
            } catch {
                skipped.append("\(row.identity) cannot be a spec: \(error)")
            }
        }
        let files = documents.map { File(path: $0.key, text: $0.value.joined(separator: "---\n")) }
        return Export(files: files.sorted { $0.path < $1.path }, skipped: skipped, outdated: outdated)
    }

    /// What is wrong with a spec by the rules of today; `nil` if nothing is.
    private static func objection(to content: JSONValue, _ kind: SpecKind) -> SpecError? {
        do {
            _ = try kind.spec(canonical: content)
            return nil
        } catch {
            return error
        }
    }

    /// What an author would have written: without the fields that follow from others.
    private static func canonical(_ row: ManagedRow) -> JSONValue {
        var content = row.content.objectValue ?? [:]
        content["sourceFile"] = nil
        content["campaignSays"] = nil
        if content["audience"]?.stringValue != nil { content["audienceFilter"] = nil }
        if content["template"] != nil { content["message"] = nil }
        return .object(content)
    }
}
