public import Store

/// Imports contacts from a CSV file, as `campaignd contacts import` does.
///
/// The first line names the columns: `contactId`, and any other of `ContactColumn.importable` or `metadata.<key>`. Wrong
/// rows are reported and left out; the others are imported. Memory does not grow with the file.
public struct ContactImporter: Sendable {
    private let repository: ContactImportRepository

    public init(repository: ContactImportRepository) {
        self.repository = repository
    }

    /// Imports a file.
    ///
    /// Cancellation stops it; contacts that were merged until then stay, and importing the file again is harmless.
    ///
    /// - Parameters:
    ///   - file: The path of the file.
    ///   - tenant: Whose contacts they are, a slug.
    ///   - progress: Called some times a second, on the caller's actor.
    /// - Returns: What became of the rows, and what is wrong with those that were left out.
    /// - Throws: ``ContactImportError`` when nothing can be imported at all, or `PostgresError`.
    public func run(
        file: String,
        tenant: String,
        progress: @escaping (ImportProgress) -> Void = { _ in }
    ) async throws -> ImportReport {
        guard Self.isTenant(tenant) else { throw ContactImportError.tenant(tenant) }
        let start = ContinuousClock.now
        let batches = try await ContactFileBatches(file: file, onProgress: progress)
        let result = try await repository.run(tenant: tenant, columns: batches.header.columns, batches: batches) {
            var state = batches.progress
            (state.merged, state.staged) = ($0, $1)
            progress(state)
        }
        var report = batches.report
        report.result = result
        report.duration = ContinuousClock.now - start
        return report
    }

    /// Whether a name is a slug of at most 50 characters.
    static func isTenant(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (1...50).contains(bytes.count), bytes.first != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { $0.isDigit || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
