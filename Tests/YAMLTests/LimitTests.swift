import Randomness
import Testing
import YAML

struct LimitTests {
    @Test(arguments: [
        ("- 1\n", 20_000, "the document has more than 10000 values"),
        ("[", 100_000, "values are nested more than 64 deep"),
        ("- ", 100_000, "values are nested more than 64 deep"),
        ("{a: ", 100_000, "values are nested more than 64 deep"),
        ("? ", 100_000, "values are nested more than 64 deep"),
        ("x", 2_000_000, "the file is larger than 1048576 bytes"),
    ])
    func refusesTooMuch(unit: String, count: Int, message: String) {
        let stream = YAMLReader().read(Array(String(repeating: unit, count: count).utf8))
        #expect(stream.problems.map(\.message) == [message])
    }

    @Test func boundsAliasBombs() {
        var source = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            source += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let stream = YAMLReader().read(Array(source.utf8))
        #expect(stream.problems.map(\.message) == ["the document has more than 10000 values"])
    }

    @Test func boundsAliasesOverAllDocuments() {
        let document = "a: &a [" + String(repeating: "x,", count: 1000) + "]\nb: [*a,*a,*a,*a,*a]\n---\n"
        let stream = YAMLReader().read(Array(String(repeating: document, count: 100).utf8))
        #expect(stream.problems.map(\.message) == ["aliases expand to more than 100000 values"])
    }

    @Test func acceptsOneHugeScalar() {
        let stream = YAMLReader().read(Array(("a: \"" + String(repeating: "word ", count: 200_000) + "\"").utf8))
        #expect(stream.problems == [])
    }

    @Test func stopsAfterManyProblems() {
        let stream = YAMLReader().read(Array(String(repeating: "--- @\n", count: 100_000).utf8))
        #expect(stream.problems.count == 100)
    }

    @Test func survivesMutatedInput() {
        var random = SplitMix64(seed: 42)
        let seed = Array(
            "a: &x [1, 'b', \"c\\n\"]\nb: *x\n? {c: d}\n: |\n  text\n--- !!str e\n...\n%YAML 1.2\n---\n- - f\n".utf8
        )
        for _ in 0..<3_000 {
            var bytes = seed
            for _ in 0..<(1 + Int(random.next() % 6)) {
                let at = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: at)
                default: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: at)
                }
            }
            let stream = YAMLReader().read(bytes)
            #expect(stream.problems.allSatisfy { $0.range.start.offset <= bytes.count })
        }
    }
}
