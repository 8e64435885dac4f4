/// A batch of contacts to import, encoded for COPY while they are checked, so that no row needs memory of its own.
///
/// Cells are appended in the order of the columns that the import was started with; a row that turns out to be wrong is
/// discarded as a whole.
public struct ContactImportBatch: Sendable {
    /// The number of complete rows.
    public private(set) var count = 0
    /// The rows in the text format of COPY.
    private(set) var bytes: [UInt8] = []
    private var rowStart = 0
    private var nextNumber: Int

    /// Makes an empty batch.
    ///
    /// - Parameters:
    ///   - firstNumber: The number of its first row among all valid rows of the file, from 1.
    ///   - capacity: The number of bytes to reserve.
    public init(firstNumber: Int, capacity: Int = 0) {
        nextNumber = firstNumber
        bytes.reserveCapacity(capacity)
    }

    /// The number that the row after this batch gets.
    public var endNumber: Int { nextNumber }

    /// Starts a row.
    public mutating func beginRow() {
        rowStart = bytes.count
        appendDecimal(nextNumber)
    }

    /// Completes the row.
    public mutating func endRow() {
        bytes.append(UInt8(ascii: "\n"))
        nextNumber += 1
        count += 1
    }

    /// Discards the row that was begun.
    public mutating func discardRow() {
        bytes.removeLast(bytes.count - rowStart)
    }

    /// Adds an empty cell.
    public mutating func appendNull() {
        bytes.append(UInt8(ascii: "\t"))
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: "N"))
    }

    /// Adds a cell with text that Postgres reads as the column's type; valid UTF-8 without NUL.
    public mutating func append(_ text: some Sequence<UInt8>) {
        bytes.append(UInt8(ascii: "\t"))
        for byte in text { appendEscaped(byte) }
    }

    /// Adds a cell with a list of tags.
    public mutating func append(tags: [ArraySlice<UInt8>]) {
        bytes.append(UInt8(ascii: "\t"))
        bytes.append(UInt8(ascii: "{"))
        for (index, tag) in tags.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "\""))
            for byte in tag {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { appendEscaped(UInt8(ascii: "\\")) }
                appendEscaped(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        let letter: UInt8
        switch byte {
        case UInt8(ascii: "\\"): letter = byte
        case UInt8(ascii: "\t"): letter = UInt8(ascii: "t")
        case UInt8(ascii: "\n"): letter = UInt8(ascii: "n")
        case UInt8(ascii: "\r"): letter = UInt8(ascii: "r")
        default:
            bytes.append(byte)
            return
        }
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(letter)
    }

    private mutating func appendDecimal(_ number: Int) {
        if number >= 10 { appendDecimal(number / 10) }
        bytes.append(0x30 + UInt8(number % 10))
    }
}
