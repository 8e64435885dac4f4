public import Spec
import Spelling
public import Store

/// The choices for reading a contacts file.
public struct ContactImportOptions: Sendable {
    /// The country of national numbers; `nil` takes that of the tenant, and without one they are refused.
    public var country: CallingCode?
    /// The column for names of the file that are not understood by themselves, or `-` to leave the column out.
    public var columns: [String: String]
    /// True if an empty cell clears the value of a contact that exists; it leaves the value otherwise.
    public var emptyClears: Bool
    /// True if `optedIn=true` undoes an opt-out without a later `optedInAt`.
    public var allowsOptIn: Bool
    /// True if nothing is to be changed.
    public var isDryRun: Bool
    /// The path of a file for the rows that are refused; `nil` makes none.
    public var refused: String?

    public init(
        country: CallingCode? = nil,
        columns: [String: String] = [:],
        emptyClears: Bool = false,
        allowsOptIn: Bool = false,
        isDryRun: Bool = false,
        refused: String? = nil
    ) {
        self.refused = refused
        (self.country, self.columns, self.emptyClears) = (country, columns, emptyClears)
        (self.allowsOptIn, self.isDryRun) = (allowsOptIn, isDryRun)
    }
}

/// Imports contacts from a CSV file, as `campaignd contacts import` does.
///
/// The first line names the columns: `contactId`, and any other of `ContactColumn.importable` or `metadata.<key>`. Wrong
/// rows are reported and left out; the others are imported. Memory does not grow with the file.
public struct ContactImporter: Sendable {
    private let repository: ContactImportRepository

    public init(repository: ContactImportRepository) {
        self.repository = repository
    }

    /// Imports a file, or the rows of a query.
    ///
    /// After a cancellation the contacts that were merged so far stay. Importing the file again is harmless.
    ///
    /// - Parameters:
    ///   - source: The file or the query.
    ///   - tenant: The tenant, a slug.
    ///   - options: The choices for reading the file.
    ///   - actor: The person who imports.
    ///   - progress: Called several times per second, on the caller's actor.
    /// - Returns: Counts of rows, and the problems of skipped rows.
    /// - Throws: ``ContactImportError`` if nothing was imported, or `PostgresError`.
    public func run(
        from source: ContactSource,
        tenant: String,
        options: ContactImportOptions = ContactImportOptions(),
        by actor: RunActor = .daemon,
        progress: @escaping (ImportProgress) -> Void = { _ in }
    ) async throws -> ImportReport {
        guard Self.isTenant(tenant) else { throw ContactImportError.tenant(tenant) }
        let start = ContinuousClock.now
        var options = options
        if options.country == nil { options.country = try await repository.country(of: tenant) }
        let batches = try await ContactFileBatches(source: source, options: options, onProgress: progress)
        let result = try await repository.run(
            tenant: tenant,
            columns: batches.header.columns,
            batches: batches,
            emptyClears: options.emptyClears,
            allowsOptIn: options.allowsOptIn,
            isDryRun: options.isDryRun,
            by: actor
        ) {
            var state = batches.progress
            (state.merged, state.staged) = ($0, $1)
            progress(state)
        }
        var report = batches.report
        report.result = result
        report.isDryRun = options.isDryRun
        report.duration = ContinuousClock.now - start
        return report
    }

    /// Returns true for a slug of at most 50 characters.
    static func isTenant(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (1...50).contains(bytes.count), bytes.first != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { $0.isDigit || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") }
    }
}

/// The result of an import: counts, and the problems of rejected rows.
public struct ImportReport: Sendable {
    /// Maximum number of problems that are kept; ``problemCount`` counts all.
    public static let maximumProblems = 100

    public internal(set) var result = ContactImportResult()
    /// Number of rows that were not imported.
    public internal(set) var rejected = 0
    /// The first problems in the order of the file, up to ``maximumProblems``.
    public internal(set) var problems: [RowProblem] = []
    /// Number of all problems, also of those that are not kept.
    public internal(set) var problemCount = 0
    /// The first unusual numbers that were taken all the same, up to ``maximumProblems``.
    public internal(set) var warnings: [RowProblem] = []
    /// Number of all warnings.
    public internal(set) var warningCount = 0
    /// True if the file was read as Windows-1252, because it is not UTF-8.
    public internal(set) var isWindows1252 = false
    public internal(set) var isDryRun = false
    public internal(set) var duration = Duration.zero

    /// The result in a few lines, without the problems of rows.
    public var summary: String {
        let good = result.inserted + result.updated + result.unchanged
        var text =
            "\(isDryRun ? "would import" : "imported") \(good.grouped) contacts: \(result.inserted.grouped) new, "
            + "\(result.updated.grouped) updated, \(result.unchanged.grouped) unchanged"
        if result.duplicates > 0 {
            text += "\n\(result.duplicates.grouped) rows were joined with a later row of the same person"
        }
        text += Self.sentence(about: result.consent, isDryRun: isDryRun)
        if rejected > 0 {
            text += "\n\(rejected.grouped) rows were rejected, with \(problemCount.grouped) problems"
            if problemCount > problems.count { text += " (the first \(problems.count) are shown)" }
        }
        if warningCount > 0 { text += "\n\(warningCount.grouped) numbers have an unusual length" }
        if isWindows1252 { text += "\nread as Windows-1252, because the file is not UTF-8" }
        return text
    }

    /// Returns the lines about contacts who had opted out; empty if there are none.
    private static func sentence(about consent: ContactImportResult.Consent, isDryRun: Bool) -> String {
        var text = ""
        func words(_ count: Int, _ what: String) -> String? {
            count > 0 ? "\(count.grouped) \(count == 1 ? "stays" : "stay") opted out\(what)" : nil
        }
        let out = [words(consent.optedOut, ""), words(consent.marketingStopped, " of marketing")].compactMap(\.self)
        if !out.isEmpty {
            text +=
                "\n\(out.joined(separator: ", ")): the file has no later `optedInAt`; --allow-opt-in opts them in, if "
                + "they have agreed again"
        }
        if consent.optedIn > 0 {
            let verb = isDryRun ? "would be" : consent.optedIn == 1 ? "was" : "were"
            text += "\n\(consent.optedIn.grouped) who had opted out \(verb) opted in again"
        }
        return text
    }

    mutating func warn(_ warning: RowProblem) {
        warningCount += 1
        if warnings.count < Self.maximumProblems { warnings.append(warning) }
    }

    mutating func reject(_ found: [RowProblem]) {
        rejected += 1
        problemCount += found.count
        problems += found.prefix(max(0, Self.maximumProblems - problems.count))
    }
}

/// The reason why nothing of a file was imported.
public enum ContactImportError: Error, Equatable, CustomStringConvertible {
    case tenant(String)
    case unreadable(file: String, reason: String)
    case empty(file: String)
    case header(file: String, problems: [String])
    /// The file of refused rows.
    case unwritable(file: String, reason: String)

    public var description: String {
        switch self {
        case .tenant(let name):
            "`\(name)` is not a tenant: use up to 50 letters a-z, digits and hyphens, not beginning with a hyphen"
        case .unreadable(let file, let reason):
            "cannot read \(file): \(reason)"
        case .unwritable(let file, let reason):
            "cannot write \(file): \(reason)"
        case .empty(let file):
            "\(file) is empty; its first line must name the columns, such as contactId,name,tags"
        case .header(let file, let problems):
            problems.map { "\(file):1: \($0)" }.joined(separator: "\n")
        }
    }
}
