import BenchKit
import Testing

struct MarkedDocumentTests {
    @Test func onlyTextBetweenMarkersIsReplaced() throws {
        var document = MarkedDocument("# Title\n<!-- bench machine -->\nold\nold\n<!-- end -->\nText\n")
        #expect(try document.fill { $0 == "machine" ? "new" : nil } == 1)
        #expect(document.text == "# Title\n<!-- bench machine -->\nnew\n<!-- end -->\nText\n")
    }

    @Test func aPlaceWithoutNumbersKeepsItsText() throws {
        let text = "<!-- bench table:launch,deliver -->\nold\n<!-- end -->\n<!-- bench machine -->\n<!-- end -->"
        var document = MarkedDocument(text)
        var names: [String] = []
        let count = try document.fill { name in
            names.append(name)
            return nil
        }
        #expect(count == 2)
        #expect(names == ["table:launch,deliver", "machine"])
        #expect(document.text == text)
    }

    @Test func aPlaceWithoutAnEndIsAnError() {
        var document = MarkedDocument("<!-- bench machine -->\ntext\n")
        #expect(throws: BenchError.self) { try document.fill { _ in "new" } }
    }
}
