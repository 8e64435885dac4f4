extension [UInt8] {
    /// Appends the header of a command with `count` arguments, its name included.
    mutating func appendCommandHeader(count: Int) {
        append(UInt8(ascii: "*"))
        appendDecimalLine(count)
    }

    /// Appends one argument in the form that Redis reads: its length, a line end, the bytes, a line end.
    mutating func appendBulk(_ argument: RedisArgument) {
        switch argument {
        case .text(let text): appendBulk(text)
        case .integer(let integer): appendBulk(String(integer))
        case .bytes(let bytes): appendBulk(contentsOf: bytes, count: bytes.count)
        }
    }

    mutating func appendBulk(_ text: String) {
        appendBulk(contentsOf: text.utf8, count: text.utf8.count)
    }

    private mutating func appendBulk(contentsOf bytes: some Sequence<UInt8>, count: Int) {
        append(UInt8(ascii: "$"))
        appendDecimalLine(count)
        append(contentsOf: bytes)
        appendLineEnd()
    }

    private mutating func appendDecimalLine(_ number: Int) {
        // Up to 15 digits live inside the String itself: no allocation.
        append(contentsOf: String(number).utf8)
        appendLineEnd()
    }

    private mutating func appendLineEnd() {
        append(UInt8(ascii: "\r"))
        append(UInt8(ascii: "\n"))
    }
}
