import Testing

@testable import Contacts

struct CSVReaderTests {
    struct Found: Equatable, CustomStringConvertible {
        var records: [[String]] = []
        var lines: [Int] = []
        var malformed: [Int] = []
        var description: String { "\(records) at \(lines), malformed \(malformed)" }
    }

    static func read(_ bytes: [UInt8], pieces: Int = .max) -> Found {
        var (reader, found) = (CSVReader(), Found())
        var rest = bytes[...]
        while true {
            let piece = rest.prefix(pieces)
            rest = rest.dropFirst(pieces)
            let isLast = piece.isEmpty
            reader.append(Array(piece))
            reading: while true {
                switch reader.next(isLast: isLast) {
                case .record:
                    let record = reader.record
                    found.records.append((0..<record.count).map { String(decoding: record[$0], as: UTF8.self) })
                    found.lines.append(record.line)
                case .malformed(let line, _): found.malformed.append(line)
                case .needsBytes: break reading
                }
            }
            if isLast { return found }
        }
    }

    @Test(
        arguments: [
            ("a,b\n1,2\n", [["a", "b"], ["1", "2"]], [1, 2]),
            ("a,b\r\n1,2", [["a", "b"], ["1", "2"]], [1, 2]),
            ("\u{FEFF}a\n1\n", [["a"], ["1"]], [1, 2]),
            ("a\n\n\r\n1\n", [["a"], ["1"]], [1, 4]),
            ("a\n\"x, \"\"y\"\"\"\n", [["a"], ["x, \"y\""]], [1, 2]),
            ("a,b\n\"1\n2\r\n3\",\"\"\nz,\n", [["a", "b"], ["1\n2\r\n3", ""], ["z", ""]], [1, 2, 5]),
            (",\n", [["", ""]], [1]),
            ("é,ü\n", [["é", "ü"]], [1]),
            ("a\rb\n", [["a\rb"]], [1]),
            ("a,b\r\"1\n2\",3\r4,\"5\r6\"\r", [["a", "b"], ["1\n2", "3"], ["4", "5\r6"]], [1, 2, 3]),
            ("a\r1", [["a"], ["1"]], [1, 2]),
            ("sep=;\ra;b\r", [["a", "b"]], [2]),
            ("a,b\n=\"0712\",=\"x, y\"\"z\"\n=,==\n", [["a", "b"], ["0712", "x, y\"z"], ["=", "=="]], [1, 2, 3]),
            ("", [], []),
        ] as [(String, [[String]], [Int])]
    )
    func readsRecords(text: String, records: [[String]], lines: [Int]) {
        for pieces in [1, 2, 3, 7, Int.max] {
            let found = Self.read(Array(text.utf8), pieces: pieces)
            #expect(found == Found(records: records, lines: lines), "in pieces of \(pieces)")
        }
    }

    @Test(
        arguments: [
            ("a\n\"never closed\nb\nc\n", [["a"], ["b"], ["c"]], [2]),
            ("a\nx\"y\nb\n", [["a"], ["b"]], [2]), ("a\n==\"y\"\nb\n", [["a"], ["b"]], [2]),
            ("a\n\"x\"y\nb\n", [["a"], ["b"]], [2]),
            ("a\n\"1\n2\"x\nb\n", [["a"], ["b"]], [2, 3]),
        ] as [(String, [[String]], [Int])]
    )
    func skipsOnlyMalformedLines(text: String, records: [[String]], malformed: [Int]) {
        for pieces in [1, 5, Int.max] {
            let found = Self.read(Array(text.utf8), pieces: pieces)
            #expect(found.records == records, "in pieces of \(pieces)")
            #expect(found.malformed == malformed, "in pieces of \(pieces)")
        }
    }

    @Test func continuesAfterARecordThatIsTooLong() {
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20)
        let unclosed = Array("\"open\n".utf8) + Array(repeatElement(Array("row\n".utf8), count: 400_000).joined())
        let text = Array("a\n".utf8) + long + Array("\nb\n".utf8)
        for pieces in [65_536, Int.max] {
            #expect(Self.read(text, pieces: pieces) == Found(records: [["a"], ["b"]], lines: [1, 3], malformed: [2]))
            let found = Self.read(unclosed, pieces: pieces)
            #expect(found.malformed == [1])
            #expect(found.records.count == 400_000)
        }
    }
}
