import Foundation
import JSON
public import Logging
public import Postgres
import Spec
public import Store

/// Writes the rows of the database as specs.
public struct Exporter: Sendable {
    /// A file of specs.
    public struct File: Hashable, Sendable {
        /// The path below the folder of all specs: `acme/reminders.yaml`.
        public let path: String
        public let text: String
    }

    /// A file beside the specs.
    public struct Medium: Hashable, Sendable {
        /// The path below the folder of all specs: `acme/media/0123456789abcdef.png`.
        public let path: String
        /// The key of the content.
        public let key: MediaRepository.Key

        /// Names a file for the specs of a folder.
        ///
        /// - Parameters:
        ///   - key: The key of the content.
        ///   - folder: The folder of the specs, below that of all specs.
        ///   - type: The type of the content; `nil` if it is not known.
        init(_ key: MediaRepository.Key, in folder: String, type: String?) {
            let ending = MediaReference.ending(ofType: type ?? "")
            self.key = key
            path = "\(folder)/media/\(key.digest.prefix(16)).\(ending)"
        }

        /// The path by which the specs of the folder name it.
        var link: String { "./media/\(path.split(separator: "/").last ?? "")" }
    }

    /// The files, and the rows that are not or no longer valid.
    public struct Export: Sendable {
        /// The files, sorted by path.
        public let files: [File]
        /// The files that the specs name, sorted by path; their contents are read one at a time.
        public let media: [Medium]
        /// Rows that cannot be written as specs, with the reasons.
        public let skipped: [String]
        /// Rows that were written unchanged, but are not valid under the current rules, with the reasons.
        public let outdated: [String]
    }

    /// The file of rows that no spec manages.
    private static let unmanagedFile = "unmanaged.yaml"

    private let pool: PostgresPool
    private let logger: Logger

    public init(pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
    }

    /// Writes the specs of one tenant: each to the file that it came from, and unmanaged rows to a file from which
    /// `reconcile --adopt` takes them over unchanged.
    ///
    /// - Throws: `SchemaError` if the database is not migrated, `PostgresError`.
    public func export(tenant: String) async throws -> Export {
        let missing = try await Migrator(pool: pool, logger: logger).pending()
        guard missing.isEmpty else { throw SchemaError.outdated(missing: missing.count) }
        let (rows, types) = try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            var rows: [ManagedRow] = []
            for kind in SpecKind.allCases {
                let repository = ManagedRepository(kind: kind)
                rows += try await repository.rows(tenants: [tenant], on: connection)
                rows += try await repository.unmanagedRows(tenants: [tenant], on: connection)
            }
            return (rows, try await MediaRepository.types(ofTenant: tenant, on: connection))
        }
        return Self.files(of: rows.sorted { $0.identity < $1.identity }, types: types)
    }

    /// Returns the content of a file beside the specs; `nil` if it has been deleted since.
    public func bytes(of medium: Medium) async throws -> [UInt8]? {
        try await MediaRepository(pool: pool).bytes(of: medium.key)?.bytes
    }

    /// Writes rows as specs.
    ///
    /// - Parameters:
    ///   - rows: The rows, sorted by identity.
    ///   - types: The types of files by their digests.
    /// - Returns: The specs, and the files that they name.
    static func files(of rows: [ManagedRow], types: [String: String] = [:]) -> Export {
        var documents: [String: [String]] = [:]
        var media: Set<Medium> = []
        var (skipped, outdated): ([String], [String]) = ([], [])
        for row in rows {
            let file = row.content["sourceFile"]?.stringValue ?? "\(row.identity.tenant)/\(unmanagedFile)"
            guard SpecIdentity.isSlug(row.identity.name) else {
                let name = row.identity.name
                let problem = name.isEmpty ? "no name" : "the name `\(name)`, which is not a slug"
                skipped.append("\(row.identity.kind.rawValue) \(row.id.uuidString.lowercased()) has \(problem)")
                continue
            }
            do {
                let folder = file.split(separator: "/").dropLast().joined(separator: "/")
                let own = SpecWriter.own(row.content)
                let content = MediaReference.naming(own) { digest in
                    let key = MediaRepository.Key(tenant: row.identity.tenant, digest: digest)
                    let medium = Medium(key, in: folder, type: types[digest])
                    media.insert(medium)
                    return medium.link
                }
                // Whether the rules of today allow a file is checked where there are files.
                let checked = MediaReference.naming(own) { "https://\($0).example/file" }
                let document = try SpecWriter.document(row.identity.kind, stored: content)
                documents[file, default: []].append(document)
                if let objection = objection(to: checked, row.identity.kind) {
                    outdated.append("\(row.identity) is not a valid spec any more: \(objection)")
                }
            } catch {
                skipped.append("\(row.identity) cannot be a spec: \(error)")
            }
        }
        let files = documents.map { File(path: $0.key, text: $0.value.joined(separator: "---\n")) }
        return Export(
            files: files.sorted { $0.path < $1.path },
            media: media.sorted { $0.path < $1.path },
            skipped: skipped,
            outdated: outdated
        )
    }

    /// Returns the error of a spec under the current rules; `nil` if it is valid.
    private static func objection(to content: JSONValue, _ kind: SpecKind) -> SpecError? {
        do {
            _ = try kind.spec(canonical: content)
            return nil
        } catch {
            return error
        }
    }
}

/// The rule for the paths of exported specs.
public enum ExportPath {
    /// Returns true if a path from a row is that of a spec file within a tenant's folder: `acme/offers/spring.yaml`.
    public static func isInside(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, path.hasSuffix(".yaml") || path.hasSuffix(".yml") else { return false }
        // Hidden entries are never read back, and this rule also excludes `..`.
        return parts.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.contains("\0") }
    }
}
