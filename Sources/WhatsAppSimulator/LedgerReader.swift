import Dispatch
import Foundation

/// Reads a ledger file, also while a simulator still appends to it.
///
/// ```swift
/// let summary = try await LedgerReader(path: "/tmp/ledger.jsonl").summary()
/// print(summary.repeatedRecipients.isEmpty)
/// ```
public struct LedgerReader: Sendable {
    private static let chunk = 1 << 20

    private let path: String

    /// Makes a reader; the file is opened by each reading.
    public init(path: String) { self.path = path }

    /// Hands each entry of a send to `body`, in the order of the file.
    ///
    /// Blocks while it reads, so call it from tests and commands, or off the cooperative pool. A last line without its
    /// end, as a killed process leaves it, is skipped.
    ///
    /// - Throws: ``SimulatorError`` for a file or line that cannot be read, and what `body` throws.
    public func forEach(_ body: (LedgerEntry) throws -> Void) throws {
        let decoder = JSONDecoder()
        try lines { line, number in
            guard !line.starts(with: ManagementEntry.prefix) else { return }
            try body(decode(number) { try decoder.decode(LedgerEntry.self, from: line) })
        }
    }

    /// Returns the calls of the management side, in the order of the file; blocks like ``forEach(_:)``.
    ///
    /// - Throws: ``SimulatorError`` for a file or line that cannot be read.
    public func managementEntries() throws -> [ManagementEntry] {
        let decoder = JSONDecoder()
        var entries: [ManagementEntry] = []
        try lines { line, number in
            guard line.starts(with: ManagementEntry.prefix) else { return }
            entries.append(try decode(number) { try ManagementEntry.read(line, with: decoder) })
        }
        return entries
    }

    private func lines(_ body: (Data, Int) throws -> Void) throws {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw SimulatorError.ledger(path: path, reason: "cannot be opened for reading: does it exist?")
        }
        // Nothing was written through this handle, so a failing close loses nothing.
        defer { try? file.close() }
        var rest = Data()
        var number = 0
        while let data = try file.read(upToCount: Self.chunk), !data.isEmpty {
            rest.append(data)
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                try body(rest[start..<end], number)
                start = rest.index(after: end)
            }
            rest = Data(rest[start...])
        }
    }

    /// Returns all entries, in the order of the file; blocks like ``forEach(_:)``.
    ///
    /// - Throws: ``SimulatorError`` for a file or line that cannot be read.
    public func entries() throws -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        try forEach { entries.append($0) }
        return entries
    }

    /// Returns the summary of the file; reads it on a thread of its own, one entry at a time.
    ///
    /// - Parameter isMeant: Which entries count.
    /// - Returns: Their summary.
    /// - Throws: ``SimulatorError`` for a file or line that cannot be read.
    public func summary(
        where isMeant: @escaping @Sendable (LedgerEntry) -> Bool = { _ in true }
    ) async throws -> LedgerSummary {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        var summary = LedgerSummary()
                        try forEach { if isMeant($0) { summary.add($0) } }
                        return summary
                    }
                )
            }
        }
    }

    private func decode<Entry>(_ number: Int, _ read: () throws -> Entry) throws(SimulatorError) -> Entry {
        do {
            return try read()
        } catch {
            throw .ledger(path: path, reason: "line \(number): \(DecodingReason.text(of: error))")
        }
    }
}
