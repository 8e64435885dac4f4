import Foundation
import Spec
import SpecSamples
import Testing

struct RobustnessTests {
    @Test func neverFailsOnMutatedSpecs() {
        var state: UInt64 = 7
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(limit))
        }
        for _ in 0..<1_000 {
            var bytes = Array(SpecSamples.specs.joined(separator: "\n---\n").utf8)
            for _ in 0...random(8) {
                let from = random(bytes.count)
                let length = min(random(12), bytes.count - from)
                switch random(4) {
                case 0: bytes.removeSubrange(from..<(from + length))
                case 1: bytes.insert(contentsOf: bytes[from..<(from + length)], at: random(bytes.count))
                case 2: bytes[from] = UInt8(random(256))
                default: bytes.insert(Array("\n\t {}[]:,-#|>&*!'\"".utf8)[random(18)], at: from)
                }
            }
            let file = SpecCatalog.SourceFile(path: "c/acme/x.yaml", tenant: "acme", bytes: bytes)
            let catalog = SpecCatalog.load(files: [file])
            let text = DiagnosticRenderer(sources: catalog.sources, usesColour: true).text(catalog.diagnostics)
            #expect(text.isEmpty == catalog.diagnostics.isEmpty)
            #expect(catalog.diagnostics == catalog.diagnostics.sorted())
        }
    }

    @Test func readsTheSameBytesTheSameWayWithWindowsLineEnds() {
        let text = SpecSamples.specs.joined(separator: "\n---\n").replacing("tags,", with: "tag,")
        let unix = Fixture.catalog(text)
        let windows = Fixture.catalog(text.replacing("\n", with: "\r\n"))
        #expect(unix.diagnostics.map(Fixture.line) == windows.diagnostics.map(Fixture.line))
        let expected = [
            "26:16 C030 unknown filter field `tag` (did you mean `tags`?)",
            "64:11 C071 Trigger `t` cannot start `c`, a campaign with `type: manual` "
                + "(give the campaign `type: event_triggered`)",
        ]
        #expect(unix.diagnostics.map(Fixture.line) == expected)
        let rendered = DiagnosticRenderer(sources: windows.sources).text(windows.diagnostics)
        #expect(rendered == DiagnosticRenderer(sources: unix.sources).text(unix.diagnostics))
    }

    @Test func tellsWhatIsBehindAnAnchorOnce() {
        let text = """
            kind: Audience
            name: a
            conditions:
              - &x { field: tag, operator: eq, value: vip }
              - *x
              - { field: tag, operator: eq, value: vip }
            """
        let unknown = "C030 unknown filter field `tag` (did you mean `tags`?)"
        #expect(Fixture.catalog(text).diagnostics.map(Fixture.line) == ["4:17 \(unknown)", "6:14 \(unknown)"])
    }

    @Test func readsFoldersInAFixedOrderAndSkipsOtherFiles() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "spec-\(UUID().uuidString)")
        defer {
            // A leftover in the temporary folder does no harm.
            try? FileManager.default.removeItem(at: root)
        }
        let deep = root.appending(path: "acme/b/c")
        try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
        let files = [
            ("acme/z.yml", Fixture.sender), ("acme/b/c/deep.yaml", "kind: Sendr"), ("acme/.hidden.yaml", "["),
            ("acme/notes.txt", "["), ("top.yaml", "kind: Sender"), ("acme/empty.yaml", ""),
        ]
        for (path, text) in files {
            try Data(text.utf8).write(to: root.appending(path: path))
        }
        let catalog = SpecCatalog.load(directory: root.path + "/")
        #expect(catalog.specs.map(\.identity.description) == ["acme/Sender/main"])
        #expect(
            catalog.diagnostics.map { $0.place.file } == ["\(root.path)/acme/b/c/deep.yaml", "\(root.path)/top.yaml"]
        )
        #expect(catalog.diagnostics.map(\.code) == [.unknownKind, .misplacedFile])
    }
}
