import Foundation
import JSON
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

    @Test func knowsTheDigitsOfBothSizes() {
        for byte in UInt8.min...UInt8.max {
            let digit = byte < 0x80 ? Character(Unicode.Scalar(byte)).hexDigitValue : nil
            #expect(UInt8(hexDigit: byte).map(Int.init) == digit, "\(byte)")
        }
    }

    @Test func newIDsStandInTheOrderOfTheirTime() throws {
        let start = Date(timeIntervalSince1970: 1_800_000_000)
        let ids = (0..<100).map { UUID.timeOrdered(at: start + Double($0)) }
        #expect(ids.map(\.apiText) == ids.map(\.apiText).sorted())
        // 1,800,000,000,000 ms, version 7, variant 10.
        #expect(ids[0].apiText.hasPrefix("01a3185c-5000-7"))
        #expect(ids.allSatisfy { "89ab".contains($0.apiText.dropFirst(19).prefix(1)) })
        let sameTime = (0..<1_000).map { _ in UUID.timeOrdered(at: start) }
        #expect(Set(sameTime).count == 1_000)
    }
}
