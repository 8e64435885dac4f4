import Foundation
import Testing

@testable import WhatsAppSimulator

/// The quick reader of JSON says what Foundation says, or nothing.
struct JSONTreeTests {
    private func read(_ text: String) -> JSONTree? {
        Data(text.utf8).withUnsafeBytes { JSONTree($0) }
    }

    @Test(arguments: [
        "null", "true", " [ ] ", "{}", "0", "-1", "10.5", #""""#, #""ä€😀""#, #""a\"\\\/\b\f\n\r\t\u00e4b""#,
        #"[1,[2,[3,{}]],"x"]"#, #"{"a":{"b":[{"c":"d"},null,false]},"e":1}"#, "\n{\t\"a\" : 1 ,\r\"b\":[ 1 , 2 ] }\n",
    ])
    func readsWhatIsUsual(text: String) throws {
        let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        let tree = try #require(read(text))
        #expect((tree.plain as? NSObject) == (expected as? NSObject))
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "tru", "nulll", "01", "-", "1.",
        "1e3",
        "\"a", "\"\\x\"", "\"\\u12\"", "\"\\ud83d\\ude00\"", "\"\u{1}\"", "1 2", "{}{}", "{\"a\":1,\"a\":2}",
        String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
    ])
    func leavesEverythingElseToOthers(text: String) {
        #expect(read(text) == nil)
    }

    @Test func bytesThatAreNoTextAreNotRead() {
        #expect(Data([0x22, 0xC3, 0x28, 0x22]).withUnsafeBytes { JSONTree($0) } == nil)
    }
}

extension JSONTree {
    fileprivate var plain: Any {
        switch self {
        case .null: NSNull()
        case .bool(let flag): NSNumber(value: flag)
        case .number(let text):
            text.contains(".") ? NSNumber(value: Double(text) ?? .nan) : NSNumber(value: Int(text) ?? 0)
        case .string(let text): text as NSString
        case .array(let items): items.map(\.plain) as NSArray
        case .object(let fields):
            Dictionary(uniqueKeysWithValues: fields.map { ($0.key, $0.value.plain) }) as NSDictionary
        }
    }
}
