import Foundation
import JSON

/// One call of the management side in the ledger; sends have entries of their own.
public struct ManagementEntry: Codable, Hashable, Sendable {
    /// Milliseconds since 1970 of the wall clock, when the call was decided.
    public var wall: Int64
    /// The same of the simulated clock.
    public var simulated: Int64
    /// Such as `templates.create`.
    public var operation: String
    public var method: String
    /// The path and the query, without a token.
    public var target: String
    /// The body as it was sent; for a file its size and digest.
    public var body: String
    /// The HTTP status of the answer; 0 when none was sent.
    public var status: Int
    /// The outcome: done, refused, or done without an answer to the caller.
    public var answer: LedgerEntry.Answer
    public var code: Int?
    public var subcode: Int?
    /// The id of what was created.
    public var id: String?

    static let prefix = Data("{\"management\":".utf8)

    private struct Line: Codable { let management: ManagementEntry }

    /// Returns the entry as one line of JSON with its line end.
    func line() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(Line(management: self))) + [UInt8(ascii: "\n")]
    }

    static func read(_ line: Data, with decoder: JSONDecoder) throws -> ManagementEntry {
        try decoder.decode(Line.self, from: line).management
    }
}
