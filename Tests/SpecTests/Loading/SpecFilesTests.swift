import Foundation
import Testing

@testable import Spec

/// Folders with entries that cannot be read: each is an error, because a file that is left out looks like a deleted spec.
struct SpecFilesTests {
    /// A folder `specs` with the tenant `acme`, and a file `outside.yaml` beside it.
    private struct Folder {
        let parent: URL
        var root: String { parent.path + "/specs" }

        func path(_ name: String) -> String { "\(root)/\(name)" }

        func write(_ text: String, to name: String) throws {
            try Data(text.utf8).write(to: URL(filePath: path(name)))
        }

        func link(_ name: String, to target: String) throws {
            try FileManager.default.createSymbolicLink(atPath: path(name), withDestinationPath: target)
        }

        func makeFolder(_ name: String) throws {
            try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
        }

        /// The findings, with the paths below the root.
        var findings: [String] {
            SpecCatalog.load(directory: root).diagnostics.map { finding in
                "\(finding.place.file.dropFirst(root.count + 1)): \(finding.code.rawValue) \(finding.message)"
            }
        }
    }

    private static let secret = "accessToken: EAAGm0PX4ZCpsBAOutside\n"

    private static func withFolder(_ body: (Folder) throws -> Void) throws {
        let parent = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)")
        let folder = Folder(parent: parent)
        try folder.makeFolder("acme")
        defer { try? FileManager.default.removeItem(at: parent) }  // A leftover in the temporary folder does no harm.
        try Data(secret.utf8).write(to: parent.appending(path: "outside.yaml"))
        try folder.write(Fixture.sender, to: "acme/sender.yaml")
        try body(folder)
    }

    @Test(arguments: [
        ("gone.yaml", "nowhere.yaml", "the link leads to nothing"),
        ("gone", "nowhere", "the link leads to nothing"),
        ("circle.yaml", "circle.yaml", "the link leads in a circle"),
        ("away.yaml", "../../outside.yaml", "the link leads out of the folder of specs"),
        ("hidden.yaml", ".git/config", "the link leads out of the folder of specs"),
        ("folder", "../globex", "linked folders are not read"),
        ("root", "..", "linked folders are not read"),
        ("null.yaml", "/dev/null", "this is a pipe, socket or device, not a file"),
        ("away.yaml.txt", "../../outside.yaml", "a file whose name ends with `.yaml.txt` is not read as specs"),
        ("long", String(repeating: "x", count: 300), "cannot read the link: File name too long"),
    ])
    func reportsLinksThatCannotBeRead(name: String, target: String, message: String) throws {
        try Self.withFolder { folder in
            try folder.makeFolder("globex")
            try folder.makeFolder("acme/.git")
            try folder.write("token: x", to: "acme/.git/config")
            try folder.link("acme/\(name)", to: target)
            #expect(folder.findings == ["acme/\(name): C023 \(message)"])
            let catalog = SpecCatalog.load(directory: folder.root)
            #expect(catalog.diagnostics.allSatisfy { $0.help != nil })
            let shown = DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics)
            #expect(!shown.contains("EAAGm0PX4ZCpsBAOutside") && !shown.contains("token: x"), "\(shown)")
        }
    }

    @Test(arguments: ["a.YAML", "a.Yml", "a.yaml.txt", "a.YML.TXT", "a.yaml "])
    func reportsNamesThatWereMeantAsSpecs(name: String) throws {
        try Self.withFolder { folder in
            try folder.write("kind: Sender", to: "acme/\(name)")
            let ending = name.drop { $0 != "." }
            #expect(
                folder.findings == ["acme/\(name): C023 a file whose name ends with `\(ending)` is not read as specs"]
            )
        }
    }

    /// Links within the folder are read: Kubernetes mounts files as links into a folder with a hidden name.
    @Test func readsLinksWithinTheFolder() throws {
        try Self.withFolder { folder in
            try folder.makeFolder("globex/..2026_01_01")
            try folder.link("globex/..data", to: "..2026_01_01")
            try folder.write(Fixture.sender, to: "globex/..data/sender.yaml")
            try folder.link("globex/sender.yaml", to: "..data/sender.yaml")
            try folder.link("acme/readme.md", to: "../../outside.yaml")
            try folder.write("x", to: "acme/notes.txt")
            #expect(mkfifo(folder.path("acme/log"), 0o600) == 0)
            #expect(folder.findings == [])
            let names = SpecCatalog.load(directory: folder.root).specs.map(\.identity.description)
            #expect(names == ["acme/Sender/main", "globex/Sender/main"])
        }
    }

    @Test func doesNotWaitForAPipe() throws {
        try Self.withFolder { folder in
            #expect(mkfifo(folder.path("acme/pipe.yaml"), 0o600) == 0)
            try folder.link("acme/linked.yaml", to: "pipe.yaml")
            let message = "this is a pipe, socket or device, not a file"
            #expect(folder.findings == ["acme/linked.yaml: C023 \(message)", "acme/pipe.yaml: C023 \(message)"])
            // The pipe may take the place of a file after the walk.
            let failure = #expect(throws: SpecFiles.ReadFailure.self) {
                try SpecFiles.bytes(of: folder.path("acme/pipe.yaml")).get()
            }
            #expect(failure?.message == message)
        }
    }

    @Test func readsOnlyTheStartOfAFileThatIsTooLarge() throws {
        try Self.withFolder { folder in
            let file = folder.path("acme/large.yaml")
            try folder.write("", to: "acme/large.yaml")
            // A file with a hole has a large size and needs no room.
            #expect(truncate(file, 1 << 40) == 0)
            #expect(try SpecFiles.bytes(of: file).get().count == 1 << 20 + 1)
            #expect(folder.findings == ["acme/large.yaml: C009 the file is larger than 1048576 bytes"])
        }
    }

    @Test func reportsFoldersThatAreTooDeep() throws {
        try Self.withFolder { folder in
            let deep = "acme" + (2...16).map { "/\($0)" }.joined()
            try folder.makeFolder(deep)
            try folder.write("kind: Sendr", to: "\(deep)/x.yaml")
            #expect(folder.findings == ["\(deep)/x.yaml: C011 unknown kind `Sendr`"])
            try folder.makeFolder("\(deep)/17")
            try folder.write("kind: Sendr", to: "\(deep)/17/x.yaml")
            #expect(folder.findings.contains("\(deep)/17: C023 folders are nested more than 16 deep"))
        }
    }

    /// Root may read everything, so this tells nothing to it.
    @Test(.enabled(if: geteuid() != 0))
    func reportsFilesAndFoldersWithoutPermission() throws {
        try Self.withFolder { folder in
            try folder.write(Fixture.sender, to: "acme/closed.yaml")
            try folder.makeFolder("globex")
            #expect(chmod(folder.path("acme/closed.yaml"), 0) == 0 && chmod(folder.path("globex"), 0) == 0)
            #expect(
                folder.findings == [
                    "acme/closed.yaml: C023 cannot read the file: Permission denied",
                    "globex: C023 cannot read the folder: Permission denied",
                ]
            )
        }
    }
}
