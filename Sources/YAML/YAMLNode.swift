/// One value of a YAML document, with its place.
public struct YAMLNode: Sendable {
    /// The content of a node.
    public enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence(YAMLSequence)
        case mapping(YAMLMapping)
        /// A value for which a problem was already reported: nothing more is reported about it.
        case invalid
    }

    private let table: NodeTable
    private let record: NodeRecord

    init(_ record: NodeRecord, in table: NodeTable) {
        (self.record, self.table) = (record, table)
    }

    /// The content of the node; the text of a scalar is made on each access.
    public var content: Content {
        switch record.kind {
        case .scalar: .scalar(YAMLScalar(text: table.text(of: record), style: record.style, tag: record.tag))
        case .sequence: .sequence(YAMLSequence(record, in: table))
        case .mapping: .mapping(YAMLMapping(record, in: table))
        case .invalid: .invalid
        }
    }

    /// The place of the value; for an alias, the place of the alias.
    public var range: YAMLRange { record.range }

    /// True if the node holds a scalar.
    public var isScalar: Bool { record.kind == .scalar }

    /// The scalar, or `nil` for everything else.
    public var scalar: YAMLScalar? {
        guard case .scalar(let scalar) = content else { return nil }
        return scalar
    }

    /// The items of a sequence, or `nil` for everything else.
    public var sequence: YAMLSequence? {
        record.kind == .sequence ? YAMLSequence(record, in: table) : nil
    }

    /// The mapping, or `nil` for everything else.
    public var mapping: YAMLMapping? {
        record.kind == .mapping ? YAMLMapping(record, in: table) : nil
    }
}

/// The value of a scalar under the YAML 1.2 core schema.
public enum YAMLValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
}

/// The pairs of a mapping, in the order of the text, each key once.
public struct YAMLMapping: Sendable {
    /// A key with its place, and its value.
    public struct Pair: Sendable {
        fileprivate let table: NodeTable
        fileprivate let record: NodeRecord
        public let value: YAMLNode

        /// The text of the key, made anew each time.
        public var key: String { table.text(of: record) }

        /// The place of the key.
        public var keyRange: YAMLRange { record.range }
    }

    /// The pairs of a mapping.
    public struct Pairs: RandomAccessCollection, Sendable {
        fileprivate let table: NodeTable
        fileprivate let record: NodeRecord

        public var startIndex: Int { 0 }

        public var endIndex: Int { Int(record.count) }

        public subscript(position: Int) -> Pair {
            precondition(indices.contains(position), "pair \(position) of \(count)")
            return Pair(
                table: table,
                record: table[record.child(2 * position)],
                value: YAMLNode(table[record.child(2 * position + 1)], in: table)
            )
        }
    }

    public let pairs: Pairs

    init(_ record: NodeRecord, in table: NodeTable) {
        pairs = Pairs(table: table, record: record)
    }

    /// True if pairs were left out because of a reported problem, so that a missing key means nothing.
    public var isDamaged: Bool { pairs.record.isDamaged }

    /// Returns the position of a key.
    public func index(of key: String) -> Int? {
        pairs.table.position(of: key, in: pairs.record)
    }

    /// Returns the value of the pair at a position.
    public func value(at position: Int) -> YAMLNode {
        precondition(pairs.indices.contains(position), "pair \(position) of \(pairs.count)")
        return YAMLNode(pairs.table[pairs.record.child(2 * position + 1)], in: pairs.table)
    }

    /// Returns the pair with a key.
    public func pair(_ key: String) -> Pair? {
        index(of: key).map { pairs[$0] }
    }

    /// The value of a key.
    public subscript(key: String) -> YAMLNode? {
        index(of: key).map(value)
    }
}

/// The items of a sequence, in the order of the text.
public struct YAMLSequence: RandomAccessCollection, Sendable {
    private let table: NodeTable
    private let record: NodeRecord

    init(_ record: NodeRecord, in table: NodeTable) {
        (self.record, self.table) = (record, table)
    }

    public var startIndex: Int { 0 }

    public var endIndex: Int { Int(record.count) }

    public subscript(position: Int) -> YAMLNode {
        precondition(indices.contains(position), "item \(position) of \(count)")
        return YAMLNode(table[record.child(position)], in: table)
    }
}

/// A part of a YAML text: from `start` up to, but not including, `end`.
public struct YAMLRange: Hashable, Sendable {
    public let start: YAMLMark
    public let end: YAMLMark

    /// Makes a range of two marks of the same text.
    public init(start: YAMLMark, end: YAMLMark) {
        self.start = start
        self.end = end
    }
}

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

    /// Orders marks by their place in the text.
    public static func < (left: Self, right: Self) -> Bool {
        (left.storedLine, left.storedColumn) < (right.storedLine, right.storedColumn)
    }
}

/// A comment of a YAML text; it is not part of any value.
public struct YAMLComment: Hashable, Sendable {
    /// The text after the `#`, up to the end of the line.
    public let text: String
    /// The range from the `#` to the end of the line.
    public let range: YAMLRange
    /// The line that the comment applies to: its own, or, if the comment has a line of its own, the first line below
    /// that is not a comment.
    public let subjectLine: Int

    /// Makes a comment.
    public init(text: String, range: YAMLRange, subjectLine: Int) {
        self.text = text
        self.range = range
        self.subjectLine = subjectLine
    }
}
