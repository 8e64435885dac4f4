import Foundation
import JSON
import Testing

struct JSONScannerTests {
    /// True if a scanner can skip the whole text.
    private func skips(_ text: String) -> Bool {
        Data(text.utf8).withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            return scanner.skipValue() && scanner.isAtEnd
        }
    }

    @Test(arguments: [
        "null", " true ", "12", "\"ä€😀\"", #"{"a":{"b":[{"c":"d"},null,false]},"e":1}"#,
        "\n{\t\"a\" : 1 ,\r\"b\":[ 1 , 2 ] }\n",
    ])
    func skipsUsualValues(text: String) {
        #expect(skips(text))
    }

    @Test(arguments: [
        "", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "tru", "nulll", "\"a", "\"\\n\"", "\"\u{1}\"", "1 2",
        "{}{}",
        String(repeating: "[", count: 100) + "1" + String(repeating: "]", count: 100),
    ])
    func refusesUnusualValues(text: String) {
        #expect(!skips(text))
    }

    @Test func readsFieldsInAnyOrder() {
        Data(#"{"x": [1, {"id": "no"}], "id": "yes", "y": null}"#.utf8).withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            var id: String?
            let isWhole = scanner.object { scanner, key in
                guard key.elementsEqual("id".utf8) else { return scanner.skipValue() }
                id = scanner.string().map { String(decoding: $0, as: UTF8.self) }
                return id != nil
            }
            #expect(isWhole && id == "yes")
        }
    }
}

struct JSONWriterTests {
    @Test(arguments: ["", "plain", "ä€😀", "a\"\\/\u{8}\u{C}\n\r\t\u{1}\u{1F}b"])
    func everyStringIsReadBack(text: String) throws {
        for asciiOnly in [false, true] {
            var writer = JSONWriter()
            writer.string(text, asciiOnly: asciiOnly)
            #expect(try JSONValue(parsing: writer.bytes) == .string(text))
            #expect(!asciiOnly || writer.bytes.allSatisfy { (0x20..<0x80).contains($0) })
        }
    }
}
