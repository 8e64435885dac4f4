/// Why a row of a file was not imported.
public struct RowProblem: Hashable, Sendable, CustomStringConvertible {
    /// The line that the row begins on, from 1; the header is line 1.
    public let line: Int
    /// The column, as the header has it; `nil` when the row as a whole is wrong.
    public let column: String?
    public let message: String

    public init(line: Int, column: String?, message: String) {
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String {
        "line \(line): " + (column.map { "\($0): " } ?? "") + message
    }
}
