/// One record of a CSV file, its fields unquoted and laid end to end.
struct CSVRecord {
    /// The line it begins on, from 1.
    private(set) var line = 0
    private(set) var isASCII = true
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    /// A line with nothing on it.
    var isBlank: Bool { ends.count == 1 && bytes.isEmpty }

    subscript(index: Int) -> ArraySlice<UInt8> {
        bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    mutating func reset(line: Int) {
        self.line = line
        isASCII = true
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    mutating func append(_ byte: UInt8) {
        if byte >= 0x80 { isASCII = false }
        bytes.append(byte)
    }

    mutating func endField() { ends.append(bytes.count) }
}
