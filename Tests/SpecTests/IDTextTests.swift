import Foundation
import Spec
import Testing

struct IDTextTests {
    @Test func writesAndReadsWhatFoundationDoes() {
        for _ in 0..<1_000 {
            let id = UUID()
            #expect(id.apiText == id.uuidString.lowercased())
            #expect(UUID(apiText: id.apiText) == id)
            #expect(UUID(apiText: id.uuidString) == id)
            #expect(UUID(apiText: "cm-\(id.uuidString)".dropFirst(3)) == id)
        }
    }

    @Test(arguments: [
        "", "0", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
        "0000000000000000000000000000000000000", "00000000000000000000000000000000",
        "0000000g-0000-0000-0000-000000000000", "00000000_0000-0000-0000-000000000000",
        "000000000-000-0000-0000-000000000000", " 00000000-0000-0000-0000-00000000000",
        "0x000000-0000-0000-0000-000000000000", "０0000000-0000-0000-0000-000000000000",
        "{00000000-0000-0000-0000-000000000000}", "00000000-0000-0000-0000-000000000000\n",
    ])
    func refusesAllElse(text: String) {
        #expect(UUID(apiText: text) == nil)
    }
}
