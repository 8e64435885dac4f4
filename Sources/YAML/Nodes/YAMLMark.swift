/// One place in a YAML text.
///
/// Lines and columns start at 1 and count as an editor does; columns count Unicode scalars.
public struct YAMLMark: Hashable, Sendable, Comparable {
    private let storedLine: UInt32
    private let storedColumn: UInt32
    private let storedOffset: UInt32

    /// Makes a mark from 1-based line and column and a 0-based byte offset.
    public init(line: Int, column: Int, offset: Int) {
        storedLine = UInt32(clamping: line)
        storedColumn = UInt32(clamping: column)
        storedOffset = UInt32(clamping: offset)
    }

    /// The line, from 1.
    public var line: Int { Int(storedLine) }

    /// The column in Unicode scalars, from 1.
    public var column: Int { Int(storedColumn) }

    /// The byte offset from the start of the text (a byte order mark counts), from 0.
    public var offset: Int { Int(storedOffset) }

    /// Orders marks as they stand in the text.
    public static func < (left: Self, right: Self) -> Bool {
        (left.storedLine, left.storedColumn) < (right.storedLine, right.storedColumn)
    }
}
