import Crypto
import Foundation
import JSON
import Testing

@testable import Spec

/// Files beside the specs: what they are, and where they are looked for.
struct MediaTests {
    private static func problem(_ bytes: [UInt8], _ name: String) -> MediaProblem? {
        do throws(MediaProblem) {
            _ = try MediaInspection(bytes, name: name)
            return nil
        } catch {
            return error
        }
    }

    @Test func imagesTellTheirSize() throws {
        let png = try MediaInspection(SampleMedia.png(width: 1_200, height: 630), name: "a/b.PNG")
        #expect(png.reference.type == "image/png" && png.doubts.isEmpty)
        #expect(png.reference.size == .init(width: 1_200, height: 630))
        let jpeg = try MediaInspection(SampleMedia.jpeg(width: 800, height: 418), name: "x.jpeg")
        #expect(jpeg.reference.type == "image/jpeg" && jpeg.reference.size == .init(width: 800, height: 418))
        let digest = SHA256.hash(data: SampleMedia.png()).map { String(format: "%02x", $0) }.joined()
        #expect(try MediaInspection(SampleMedia.png(), name: "x.png").reference.digest == digest)
    }

    @Test func everyTypeIsKnownByItsBytesAndItsEnding() throws {
        let office: [UInt8] = [0x50, 0x4B, 3, 4, 0, 0]
        let old: [UInt8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0]
        for (bytes, name, type) in [
            (SampleMedia.film(), "a.mp4", "video/mp4"), (SampleMedia.film(brand: "3gp5"), "a.3gp", "video/3gpp"),
            (Array("%PDF-1.7\n".utf8), "a.pdf", "application/pdf"), (Array("Terms\n".utf8), "a.txt", "text/plain"),
            (old, "a.doc", "application/msword"), (old, "a.xls", "application/vnd.ms-excel"),
            (office, "a.docx", MediaType.docx.rawValue), (office, "a.pptx", MediaType.pptx.rawValue),
        ] {
            #expect(try MediaInspection(bytes, name: name).reference.type == type)
        }
    }

    @Test func whatWhatsAppRefusesIsAnError() {
        for (bytes, name, code, words) in [
            ([], "a.png", DiagnosticCode.mediaContent, "empty"),
            (Array("GIF89a".utf8) + [0], "a.gif", .mediaContent, "no file of a type"),
            (SampleMedia.film(brand: "qt  "), "a.mp4", .mediaContent, "no file of a type"),
            (SampleMedia.film(brand: "heic"), "a.mp4", .mediaContent, "no file of a type"),
            (SampleMedia.film(brand: "M4A "), "a.mp4", .mediaContent, "no file of a type"),
            (SampleMedia.png(), "a.jpg", .mediaContent, "ends with `.jpg`"),
            (SampleMedia.jpeg(), "a", .mediaContent, "`image/jpeg`, and the name has no ending"),
            (SampleMedia.jpeg(), "/shop.example/jpg", .mediaContent, "and the name has no ending"),
            (SampleMedia.png(depth: 16), "a.png", .mediaContent, "16 bits"),
            (SampleMedia.jpeg(components: 4), "a.jpg", .mediaContent, "CMYK"),
            (SampleMedia.jpeg(depth: 12), "a.jpg", .mediaContent, "12 bits"),
            (SampleMedia.jpeg(width: 0), "a.jpg", .mediaContent, "damaged"),
            (SampleMedia.png(height: 0), "a.png", .mediaContent, "damaged"),
            (SampleMedia.png() + Array(repeating: 0, count: 5 << 20), "a.png", .mediaSize, "5242880"),
            (Array("%PDF-1".utf8) + Array(repeating: 32, count: 16 << 20), "a.pdf", .mediaSize, "link"),
        ] as [([UInt8], String, DiagnosticCode, String)] {
            let problem = Self.problem(bytes, name)
            #expect(
                problem?.code == code && problem.map { "\($0.message) \($0.help)".contains(words) } == true,
                "\(name)"
            )
        }
    }

    /// A file that ends early is damaged, wherever it ends.
    @Test func everyCutIsFound() {
        for (bytes, name) in [
            (SampleMedia.png(), "a.png"), (SampleMedia.jpeg(), "a.jpg"), (SampleMedia.film(), "a.mp4"),
        ] {
            #expect(Self.problem(bytes, name) == nil)
            for count in 1..<bytes.count {
                #expect(Self.problem(Array(bytes[..<count]), name) != nil, "\(name) of \(count) bytes")
            }
        }
    }

    /// Bytes of any value never stop the program.
    @Test func noByteStopsTheInspection() {
        var random = SystemRandomNumberGenerator()
        for (bytes, name) in [
            (SampleMedia.png(), "a.png"), (SampleMedia.jpeg(), "a.jpg"), (SampleMedia.film(), "a.mp4"),
        ] {
            for index in bytes.indices {
                var changed = bytes
                changed[index] = UInt8.random(in: 0...255, using: &random)
                _ = Self.problem(changed, name)
            }
        }
    }

    @Test func doubtsAreWarnings() throws {
        #expect(try MediaInspection(SampleMedia.png(color: 3), name: "a.png").doubts.map(\.code) == [.mediaDoubt])
        #expect(
            try MediaInspection(SampleMedia.film(hasIndexLast: true), name: "a.mp4").doubts.map(\.code) == [.mediaDoubt]
        )
    }

    @Test func aReferenceIsReadBackFromItsText() throws {
        for (bytes, name) in [(SampleMedia.png(), "a.png"), (SampleMedia.film(), "a.mp4")] {
            let reference = try MediaInspection(bytes, name: name).reference
            #expect(MediaReference(reference.text) == reference)
            #expect(MediaReference.digest(ofPlaceholder: reference.placeholder) == reference.digest)
            // Versions before files refuse to send the message.
            #expect(throws: TextTemplate.Problem.self) { try TextTemplate(reference.placeholder) }
        }
        for text in ["", "sha256:", "sha256:ab (image/png, 1 bytes)", "https://shop.example/a.png", "./a.png"] {
            #expect(MediaReference(text) == nil)
        }
    }
}

/// Specs on a disk, with files beside them.
struct MediaFolderTests {
    private static let template = """
        kind: Template
        name: spring
        whatsappName: spring
        language: en
        category: marketing
        header: { image: ./images/spring.png }
        body: Our spring sale starts on Monday.
        languages:
          fr: { header: { image: ./images/fr.jpg }, body: Le printemps commence lundi. }
        """

    private static let campaigns = """
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        ---
        kind: Campaign
        name: own
        type: manual
        sender: main
        template: spring
        language: en
        params: { header.link: ./images/spring.png }
        audience: { conditions: [] }
        ---
        kind: Campaign
        name: raw
        type: manual
        sender: main
        message: { type: document, document: { link: ../acme/terms.pdf, filename: Terms.pdf } }
        audience: { conditions: [{ field: lastSeen, operator: gt, value: -24h }] }
        """

    private static func with(
        _ files: [String: [UInt8]],
        _ body: (_ folder: URL, _ load: () -> SpecCatalog) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "media-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (path, bytes) in files {
            let url = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: url)
        }
        try body(folder) { SpecCatalog.load(directory: folder.path) }
    }

    private static func files(template text: String = template) -> [String: [UInt8]] {
        [
            "acme/templates.yaml": Array(text.utf8), "acme/campaigns.yaml": Array(campaigns.utf8),
            "acme/images/spring.png": SampleMedia.png(), "acme/images/fr.jpg": SampleMedia.jpeg(),
            "acme/terms.pdf": Array("%PDF-1.7\n".utf8), "other/secret.png": SampleMedia.png(width: 9),
        ]
    }

    @Test func pathsBecomeReferencesToTheirContents() throws {
        try Self.with(Self.files()) { _, load in
            let catalog = load()
            #expect(catalog.diagnostics.map(Fixture.line) == [])
            #expect(catalog.media.count == 3)
            let spec = try #require(catalog.spec(TemplateSpec.self, tenant: "acme", name: "spring")).value
            let image = try #require(spec.canonical["header"]?["image"]?.stringValue.flatMap(MediaReference.init))
            #expect(image.type == "image/png" && image.size == .init(width: 4, height: 3))
            #expect(try TemplateSpec(stored: spec.canonical) == spec)
            #expect(TemplateSubmission.samples(of: spec).map(\.media) == [image])
            let payloads = Dictionary(
                uniqueKeysWithValues: catalog.resolvedCampaigns.map { ($0.identity.name, $0.messagePayload) }
            )
            let own = payloads["own"]?["template"]?["components"]?[0]?["parameters"]?[0]?["image"]
            #expect(own == ["id": .string(image.placeholder)])
            let raw = try #require(payloads["raw"])
            #expect(raw["document"]?["filename"] == "Terms.pdf" && raw["document"]?["link"] == nil)
            let payload = try PayloadTemplate(message: raw)
            let file = try #require(payload.files.first)
            #expect(throws: MissingFile.self) {
                try payload.body(recipient: "+254700100200", messageID: UUID()) { _ in nil }
            }
            let body = try payload.body(recipient: "+254700100200", messageID: UUID(), mediaIDs: [file: "77"]) { _ in
                nil
            }
            #expect(try JSONValue(parsing: body)["document"]?["id"] == "77")
        }
    }

    @Test func anotherContentIsAnotherValue() throws {
        try Self.with(Self.files()) { folder, load in
            let before = load()
            try Data(SampleMedia.png(width: 5)).write(to: folder.appending(path: "acme/images/spring.png"))
            let after = load()
            func form(_ catalog: SpecCatalog) -> JSONValue? {
                catalog.spec(TemplateSpec.self, tenant: "acme", name: "spring")?.value.canonical["header"]
            }
            #expect(form(before) != nil && form(before) != form(after))
            // A plan of the former content cannot be applied any more.
            for file in before.media where file.reference.type == "image/png" {
                #expect(throws: MediaFile.Changed.self) { try file.bytes() }
            }
            for file in after.media { #expect(try file.bytes().count == file.reference.count) }
        }
    }

    /// Only the ending tells the formats of office programs apart, and a content is stored with one type.
    @Test func oneContentHasOneEnding() throws {
        let template = Self.template.replacing("{ image: ./images/spring.png }", with: "{ document: ./a.docx }")
            .replacing("{ image: ./images/fr.jpg }", with: "{ document: ./a.xlsx }")
        var files = Self.files(template: template)
        files["acme/a.docx"] = [0x50, 0x4B, 3, 4, 0, 0]
        files["acme/a.xlsx"] = files["acme/a.docx"]
        try Self.with(files) { folder, load in
            func lines() -> [String] {
                load().diagnostics.map(Fixture.line).filter { $0.contains("another file with the same content is") }
            }
            #expect(lines().count == 1 && lines().allSatisfy { $0.contains(" C101 ") }, "\(lines())")
            try Data([0x50, 0x4B, 3, 4, 0, 1]).write(to: folder.appending(path: "acme/a.xlsx"))
            #expect(lines() == [])
        }
    }

    /// Each path that leads nowhere good, and what is said about it.
    @Test(arguments: [
        ("./images/none.png", "C100", "no such file"), ("../other/secret.png", "C100", "outside of the folder"),
        ("./link.png", "C100", "outside of the folder"), ("./pipe.png", "C100", "not a file"),
        ("./images", "C100", "not a file"), ("/etc/passwd", "C100", "absolute"),
        ("./images/{{name}}.png", "C100", "placeholders"), ("./terms.pdf", "C104", "an image"),
        ("./broken.png", "C101", "damaged"), ("images/spring.png", "C015", "neither a link, a path nor an id"),
    ])
    func badPathsAreErrors(path: String, code: String, words: String) throws {
        var files = Self.files(template: Self.template.replacing("./images/spring.png", with: "\"\(path)\""))
        files["acme/broken.png"] = Array(SampleMedia.png().dropLast(8))
        try Self.with(files) { folder, load in
            let link = folder.appending(path: "acme/link.png").path
            try FileManager.default.createSymbolicLink(
                atPath: link,
                withDestinationPath: folder.appending(path: "other/secret.png").path
            )
            #expect(mkfifo(folder.appending(path: "acme/pipe.png").path, 0o600) == 0)
            let found = load().diagnostics.filter { $0.place.file.hasSuffix("templates.yaml") }
            let lines = found.map(Fixture.line)
            #expect(lines.contains { $0.hasPrefix("6:18 \(code) ") && $0.contains(words) }, "\(lines)")
        }
    }

    /// Reviewers see a sample of the kind of the header, of a type that WhatsApp takes as one.
    @Test(arguments: [
        ("image: \"https://shop.example/a.png\"", "./terms.pdf", ["C104", "application/pdf", "an image"]),
        ("document: \"https://shop.example/a.pdf\"", "./images/fr.jpg", ["C104", "image/jpeg", "a document"]),
        ("document: \"https://shop.example/a.pdf\"", "./terms.txt", ["C104", "text/plain", "reviewers take JPEG"]),
        ("document: \"https://shop.example/a.pdf\"", "./terms.pdf", []),
    ])
    func samplesAreChecked(header: String, sample: String, words: [String]) throws {
        let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:TOKEN\nappId: \"104\"\n---\n"
        let template = Self.template.components(separatedBy: "languages:")[0]
            .replacing("image: ./images/spring.png", with: header)
        var files = Self.files(template: account + template + "examples: { header.link: \(sample) }\n")
        files["acme/campaigns.yaml"] = nil
        files["acme/terms.txt"] = Array("Terms\n".utf8)
        try Self.with(files) { _, load in
            let lines = load().diagnostics.map(Fixture.line)
            #expect(lines.isEmpty == words.isEmpty, "\(lines)")
            #expect(words.isEmpty || lines.contains { line in words.allSatisfy(line.contains) }, "\(lines)")
        }
        files["acme/templates.yaml"] = files["acme/templates.yaml"].map {
            Array(String(decoding: $0, as: UTF8.self).replacing("\nappId: \"104\"", with: "").utf8)
        }
        try Self.with(files) { _, load in
            #expect(load().diagnostics.contains { $0.code == .sampleWithoutApp && $0.field == "header" })
        }
    }

    /// What plans show in place of a path is no path: its file may not be stored.
    @Test func referencesAreNotWrittenByHand() throws {
        let reference = try MediaInspection(SampleMedia.png(), name: "a.png").reference.text
        var files = Self.files()
        files["acme/campaigns.yaml"] = Array(
            Self.campaigns.replacing("./images/spring.png", with: "\"\(reference)\"")
                .replacing("../acme/terms.pdf", with: "\"\(reference)\"").utf8
        )
        try Self.with(files) { _, load in
            let lines = load().diagnostics.map(Fixture.line)
            #expect(lines.count == 2 && lines.allSatisfy { $0.contains("C100") && $0.contains("in place of a path") })
            #expect(lines.first?.hasPrefix("12:") == true, "\(lines)")
        }
    }

    @Test func specsInMemoryHaveNoFiles() {
        #expect(Fixture.lines(Self.template).contains { $0.contains("C100") && $0.contains("no files beside") })
    }
}

/// Small files that real programs would read.
enum SampleMedia {
    /// Makes a PNG of one color.
    static func png(width: Int = 4, height: Int = 3, depth: UInt8 = 8, color: UInt8 = 2) -> [UInt8] {
        func chunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
            number(data.count) + Array(kind.utf8) + data + [1, 2, 3, 4]
        }
        let head = number(width) + number(height) + [depth, color, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", head) + chunk("IDAT", [1, 2, 3])
            + chunk("IEND", [])
    }

    static func jpeg(width: Int = 4, height: Int = 3, depth: UInt8 = 8, components: UInt8 = 3) -> [UInt8] {
        let parts = (0..<components).flatMap { [$0 + 1, 0x11, 0] as [UInt8] }
        let frame = [depth] + number(height).suffix(2) + number(width).suffix(2) + [components] + parts
        let start: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0]
        return start + [0xFF, 0xC0] + number(frame.count + 2).suffix(2) + frame + [
            0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0xD9,
        ]
    }

    static func film(brand: String = "isom", hasIndexLast: Bool = false) -> [UInt8] {
        func box(_ kind: String, _ data: [UInt8]) -> [UInt8] { number(data.count + 8) + Array(kind.utf8) + data }
        let (index, data) = (box("moov", [1, 2]), box("mdat", [3, 4, 5]))
        return box("ftyp", Array(brand.utf8) + [0, 0, 0, 0]) + (hasIndexLast ? data + index : index + data)
    }

    private static func number(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}
