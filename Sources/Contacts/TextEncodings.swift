/// Turns UTF-16 with a byte order mark, as spreadsheets save "Unicode text", into UTF-8; other bytes pass through.
struct UTF16Decoder {
    private enum Encoding {
        case unknown, other, bigEndian, littleEndian
    }

    private var encoding = Encoding.unknown
    /// Bytes of a letter whose other half follows in the next chunk.
    private var rest: [UInt8] = []

    /// Returns the next bytes of the file in UTF-8; half a letter waits for the next call.
    mutating func utf8(of chunk: [UInt8]) -> [UInt8] {
        if encoding == .unknown { encoding = Self.encoding(of: chunk) }
        guard encoding == .bigEndian || encoding == .littleEndian else { return chunk }
        let bytes = rest + chunk
        var units: [UInt16] = []
        units.reserveCapacity(bytes.count / 2)
        for index in stride(from: 0, to: bytes.count - 1, by: 2) {
            let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
            units.append(encoding == .bigEndian ? first << 8 | second : second << 8 | first)
        }
        var end = units.count * 2
        if let last = units.last, UTF16.isLeadSurrogate(last) {
            units.removeLast()
            end -= 2
        }
        rest = Array(bytes[end...])
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }

    private static func encoding(of chunk: [UInt8]) -> Encoding {
        if chunk.starts(with: [0xFF, 0xFE]) { return .littleEndian }
        return chunk.starts(with: [0xFE, 0xFF]) ? .bigEndian : .other
    }
}

/// The encoding in which spreadsheets of western Europe and the Americas save CSV by default.
enum Windows1252 {
    /// The letters of 0x80 to 0x9F; the bytes above stand for the letters of the same number in Unicode.
    private static let upper: [UInt16] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
        0x017D, 0x8F,
        0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,
        0x017E, 0x0178,
    ]

    static func utf8(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        let units = bytes.map { (0x80...0x9F).contains($0) ? upper[Int($0) - 0x80] : UInt16($0) }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }
}
