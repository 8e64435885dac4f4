import Foundation
import JSON
import Spec
import Testing

/// Small files with the mistakes that people make in YAML: the diagnostics of each are in `expected.txt`.
///
/// A file with the prefix `ok-` has no error. `CORPUS_RECORD=1` writes `expected.txt` again, for a review.
struct CorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")
    private static let expectedFile = folder.appending(path: "expected.txt")

    private static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".yaml") }.sorted()
    }

    private static func catalog(_ bytes: [UInt8]) -> SpecCatalog {
        // Warnings about the calendar depend on the day.
        let now = Date(timeIntervalSince1970: 1_780_000_000)
        return SpecCatalog.load(files: [.init(path: "c/acme/x.yaml", tenant: "acme", bytes: bytes)], now: now)
    }

    private static func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    @Test func everyFileGivesWhatIsExpected() throws {
        var lines: [String] = []
        for name in try Self.names() {
            lines.append(name)
            lines += Self.catalog(try Self.read(name)).diagnostics.map { "    \(Self.harmless(Fixture.line($0)))" }
        }
        let text = lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["CORPUS_RECORD"] == "1" {
            try text.write(to: Self.expectedFile, atomically: true, encoding: .utf8)
        }
        let expected = try String(contentsOf: Self.expectedFile, encoding: .utf8)
        let (found, wanted) = (Set(lines), Set(expected.split(separator: "\n").map(String.init)))
        #expect(
            text == expected,
            "\(found.subtracting(wanted).sorted()) instead of \(wanted.subtracting(found).sorted())"
        )
    }

    @Test func everyMistakeHasAPlaceInTheFile() throws {
        for name in try Self.names() {
            let bytes = try Self.read(name)
            let diagnostics = Self.catalog(bytes).diagnostics
            let isWrong = diagnostics.contains { $0.severity == .error }
            #expect(isWrong != name.hasPrefix("ok-"), "\(name)")
            for diagnostic in diagnostics {
                let (start, end) = (diagnostic.place.start, diagnostic.place.end)
                #expect(start.line >= 1 && start.column >= 1 && start <= end, "\(name)")
                #expect(start.offset <= end.offset && end.offset <= bytes.count, "\(name)")
            }
        }
    }

    /// All formats show the same mistakes, and no content of a file breaks a format.
    @Test func everyFormatCanShowEveryMistake() throws {
        for name in try Self.names() {
            let catalog = Self.catalog(try Self.read(name))
            let renderer = DiagnosticRenderer(sources: catalog.sources)
            let text = renderer.text(catalog.diagnostics)
            #expect(
                text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control },
                "\(name)"
            )
            let commands = renderer.github(catalog.diagnostics).annotations.split(separator: "\n")
            #expect(commands.allSatisfy { $0.hasPrefix("::") }, "\(name)")
            for json in [
                DiagnosticRenderer.json(catalog.diagnostics), renderer.sarif(catalog.diagnostics, toolVersion: "1"),
            ] {
                #expect(try JSONValue(parsing: json.canonicalText) == json, "\(name)")
            }
        }
    }

    private static let big: [(name: String, text: String)] = {
        func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }
        let bomb = (1...20).map { "a\($0): &a\($0) [" + times(9, "*a\($0 - 1), ") + "*a\($0 - 1)]\n" }.joined()
        let head = "kind: Audience\nname: a\n"
        return [
            ("alias bomb", head + "a0: &a0 [x]\n" + bomb),
            ("quadratic aliases", head + "a: &a [" + times(5_000, "x,") + "]\nb: [" + times(5_000, "*a,") + "]\n"),
            ("deep flow sequences", times(100_000, "[")),
            ("deep flow mappings", times(100_000, "{a: ")),
            ("deep block sequences", times(5_000, "- ")),
            ("deep block mappings", (0..<1_000).map { times($0, " ") + "a:\n" }.joined()),
            ("deep explicit keys", times(50_000, "? ")),
            ("huge key", times(900_000, "k") + ": a\n"),
            ("huge value", head + "conditions: " + times(900_000, "v") + "\n"),
            ("huge line of quotes", head + "conditions: \"" + times(900_000, "'") + "\n"),
            ("huge comment", "#" + times(900_000, "#") + "\n" + head + "condition: []\n"),
            ("huge anchor", "kind: &" + times(900_000, "a") + " *" + times(100, "b") + "\n"),
            ("huge tag", "kind: !" + times(900_000, "a") + " x\n"),
            ("many documents", times(100_000, "--- a\n")),
            ("many broken documents", times(50_000, "--- [\n")),
            ("many unknown fields", (1...60_000).map { "field\($0): 1\n" }.joined()),
            ("many same keys", times(100_000, "a: 1\n")),
            ("many tabs", times(100_000, "\t\n")),
            ("many comments that allow", head + "x: 1\n" + times(30_000, "# allow C010: x\n")),
            ("many colons", times(500_000, ": ")),
            ("many question marks", times(500_000, "? a\n")),
            ("more than a file may have", times(1_048_577, "a")),
            (
                "wide and broken",
                head + "conditions: [" + times(9_000, "{ field: nmae, operator: eq, value: 1 }, ") + "]\n"
            ),
        ]
    }()

    @Test(arguments: big.map(\.name))
    func nothingIsTooBigForADiagnostic(name: String) throws {
        let text = try #require(Self.big.first { $0.name == name }).text
        let start = Self.processorTime
        let catalog = Self.catalog(Array(text.utf8))
        #expect(catalog.diagnostics.contains { $0.severity == .error })
        #expect(catalog.diagnostics.count <= 2_002)
        let shown = DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics)
        #expect(shown.utf8.count < 8_000_000)
        // The limit is far above the time of a debug build, and far below that of any quadratic algorithm.
        #expect(Self.processorTime - start < .seconds(30))
    }

    /// The processor time of this thread, which no other test makes longer.
    private static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    private static func harmless(_ text: String) -> String {
        let cut = text.count > 200 ? text.prefix(200) + "…" : text[...]
        return cut.unicodeScalars.map {
            $0.isASCII && $0.value >= 0x20 && $0.value < 0x7F ? String($0) : $0.escaped(asASCII: true)
        }
        .joined()
    }
}
