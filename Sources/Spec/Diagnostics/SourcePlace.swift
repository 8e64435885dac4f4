/// A stretch of a file: from `start` up to, and without, `end`.
public struct SourcePlace: Hashable, Sendable, Comparable {
    /// One position of a file.
    public struct Position: Hashable, Sendable, Comparable {
        /// From 1.
        public let line: Int
        /// From 1, in Unicode scalars.
        public let column: Int
        /// Bytes from the start of the file.
        public let offset: Int

        /// Makes a position.
        public init(line: Int, column: Int, offset: Int) {
            self.line = line
            self.column = column
            self.offset = offset
        }

        /// Orders positions of one file as they stand in it.
        public static func < (left: Self, right: Self) -> Bool {
            (left.line, left.column) < (right.line, right.column)
        }
    }

    /// The path as the user gave it, joined with what lies below.
    public let file: String
    public let start: Position
    public let end: Position

    /// Makes a place.
    public init(file: String, start: Position, end: Position) {
        self.file = file
        self.start = start
        self.end = end
    }

    /// Makes a place for a file as a whole.
    public init(file: String) {
        let first = Position(line: 1, column: 1, offset: 0)
        self.init(file: file, start: first, end: first)
    }

    /// Orders places by file, then by position.
    public static func < (left: Self, right: Self) -> Bool {
        (left.file, left.start, left.end) < (right.file, right.start, right.end)
    }
}
