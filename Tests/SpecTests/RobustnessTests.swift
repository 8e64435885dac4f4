import Foundation
import Spec
import Testing

struct RobustnessTests {
    private static let seeds = [
        Fixture.sender,
        """
        kind: Template
        name: hello
        whatsappName: hello
        language: en
        category: utility
        header: "On {{1}}"
        body: "Hi {{1}} ü {{2}}"
        buttons: [{ type: url, text: Go, url: "https://x/{{1}}" }]
        """,
        """
        kind: Campaign
        name: c
        type: manual
        sender: main
        template: hello
        params: { "1": "{{name|there}}", header: x, "2": "{{metadata.é}}", button.0: why }
        audience:
          logic: OR
          conditions:
            - { field: tags, operator: contains_any, value: [vip] }
            - not: { field: lastSeen, operator: lt, value: -7d }
            - { field: metadata.age, operator: in, value: [1, 2.5] }
        """,
        """
        kind: Tenant
        name: acme
        timeZone: Africa/Nairobi
        quietHours: { from: "21:00", to: "07:00" }
        policy: { maxCampaigns: 1, allowedCategories: [marketing], minScheduleInterval: 1h }
        defaults: { sender: main, language: en }
        """,
        """
        kind: Campaign
        name: d
        type: scheduled
        message:
          type: interactive
          interactive:
            type: button
            body: { text: "{{name}}" }
            action: { buttons: [{ type: reply, reply: { id: a, title: A } }] }
        audience:
          conditions:
            - { field: lastSeen, operator: is_not_null }
            - not: { field: lastSeen, operator: lt, value: -1h }
        """,
        """
        kind: Schedule
        name: s
        campaign: d
        cron: "0 9 * * FRI"
        timeZone: Europe/Berlin
        from: 2026-01-01
        until: 2027-01-01T12:00
        """,
        """
        kind: Trigger
        name: t
        campaign: c
        event: payment.overdue
        match: { a: 1 }
        """,
    ]

    @Test func neverFailsOnMutatedSpecs() {
        var state: UInt64 = 7
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(limit))
        }
        for _ in 0..<1_000 {
            var bytes = Array(Self.seeds.joined(separator: "\n---\n").utf8)
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
        let text = Self.seeds.joined(separator: "\n---\n").replacing("tags,", with: "tag,")
        let unix = Fixture.catalog(text)
        let windows = Fixture.catalog(text.replacing("\n", with: "\r\n"))
        #expect(unix.diagnostics.map(Fixture.line) == windows.diagnostics.map(Fixture.line))
        #expect(unix.diagnostics.map(Fixture.line) == ["24:16 C030 unknown filter field `tag` (did you mean `tags`?)"])
        let rendered = DiagnosticRenderer(sources: windows.sources).text(windows.diagnostics)
        #expect(rendered == DiagnosticRenderer(sources: unix.sources).text(unix.diagnostics))
    }

    @Test func readsFoldersInAFixedOrderAndSkipsOtherFiles() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "spec-\(UUID().uuidString)")
        defer {
            // A leftover in the temporary folder does no harm.
            try? FileManager.default.removeItem(at: root)
        }
        let deep = root.appending(path: "acme/b/c")
        try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(at: deep.appending(path: "loop"), withDestinationURL: root)
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
