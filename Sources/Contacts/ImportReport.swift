import Spelling
public import Store

/// What an import did, and which rows it could not take.
public struct ImportReport: Sendable {
    /// The most problems that are kept; ``problemCount`` has all.
    public static let maximumProblems = 100

    public internal(set) var result = ContactImportResult()
    /// Rows that were not imported.
    public internal(set) var rejected = 0
    /// What is wrong with them, in the order of the file, up to ``maximumProblems``.
    public internal(set) var problems: [RowProblem] = []
    /// All problems, also those that are not kept.
    public internal(set) var problemCount = 0
    /// How long it took.
    public internal(set) var duration = Duration.zero

    /// The outcome in a few lines; the problems of the rows are not part of it.
    public var summary: String {
        let good = result.inserted + result.updated + result.unchanged
        var text =
            "imported \(good.grouped) contacts: \(result.inserted.grouped) new, "
            + "\(result.updated.grouped) updated, \(result.unchanged.grouped) unchanged"
        if result.duplicates > 0 {
            text += "\n\(result.duplicates.grouped) rows were overridden by a later row with the same contactId"
        }
        if rejected > 0 {
            text += "\n\(rejected.grouped) rows were rejected, with \(problemCount.grouped) problems"
            if problemCount > problems.count { text += " (the first \(problems.count) are shown)" }
        }
        return text
    }

    mutating func reject(_ found: [RowProblem]) {
        rejected += 1
        problemCount += found.count
        problems += found.prefix(max(0, Self.maximumProblems - problems.count))
    }
}
