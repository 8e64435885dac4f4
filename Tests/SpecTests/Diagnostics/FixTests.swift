import Foundation
import JSON
import Testing

@testable import Spec

/// Corrections of mistakes: sure ones are applied by `validate --fix`, others are only offered.
struct FixTests {
    private static let wrong = """
        # A sender.
        Kind: sender
        name: main
        phone_number_id: 1065
        accessToken: env:TOKEN
        protect: yes
        ---
        kind: Tenant
        name: acme
        timeZone: africa/nairobi
        optOutWords: [no, "stop it"]
        quietHours: { from: 21:00, to: "07:00", Action: Wait }
        """
    private static let right = """
        # A sender.
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        protect: true
        ---
        kind: Tenant
        name: acme
        timeZone: Africa/Nairobi
        optOutWords: ["no", "stop it"]
        quietHours: { from: "21:00", to: "07:00", action: wait }
        """

    private static func fixed(_ text: String) -> String {
        let file = SpecCatalog.SourceFile(path: "c/acme/x.yaml", tenant: "acme", bytes: Array(text.utf8))
        return String(decoding: SpecFixer.fixed(file).bytes, as: UTF8.self)
    }

    @Test func sureMistakesAreCorrectedUntilNoneIsLeft() {
        #expect(Self.fixed(Self.wrong) == Self.right)
        #expect(Self.fixed(Self.right) == Self.right)
        #expect(Self.fixed(Self.wrong.replacing("\n", with: "\r\n")) == Self.right.replacing("\n", with: "\r\n"))
        #expect(Fixture.catalog(Self.right).isValid)
    }

    /// A typing mistake may mean something else, and an anchor, a secret or a text of several lines must stay.
    @Test(arguments: [
        "kind: Sender\nname: main\nphoneNumbrId: \"1065\"\naccessToken: env:TOKEN",
        "kind: Sender\nname: main\nphoneNumberId: true\naccessToken: env:TOKEN",
        "kind: Sender\nname: main\nphoneNumberId: &p 1065\naccessToken: env:TOKEN",
        "kind: Sender\nname: main\nphoneNumberId: \"1065\"\naccessToken: 12345678",
        "kind: Sender\nNAME: a\nName: b\nphoneNumberId: \"1065\"\naccessToken: env:TOKEN",
        "kind: Tenant\nname: acme\ndefaults: { sender: mian }\n---\n" + Fixture.sender,
        "kind: Tenant\nname: acme\ntimeZone: |\n  africa/nairobi\n",
    ])
    func otherMistakesStay(text: String) {
        #expect(!Fixture.catalog(text).isValid)
        #expect(Self.fixed(text) == text)
    }

    @Test func noFixShowsASecret() {
        let catalog = Fixture.catalog("kind: Sender\nname: main\nphoneNumberId: \"1065\"\naccessToken: 12345678")
        let renderer = DiagnosticRenderer(sources: catalog.sources)
        #expect(!renderer.sarif(catalog.diagnostics, toolVersion: "1").canonicalText.contains("12345678"))
        #expect(catalog.diagnostics.allSatisfy { $0.fix == nil })
    }

    @Test func sarifAndJSONCarryFixes() throws {
        let catalog = Fixture.catalog(Self.wrong.replacing("Kind: sender", with: "kind: Sender"))
        let log = DiagnosticRenderer(sources: catalog.sources).sarif(catalog.diagnostics, toolVersion: "1")
        let results = log["runs"]?[0]?["results"]?.arrayValue ?? []
        let fixes = results.compactMap { (result: JSONValue) -> JSONValue? in result["fixes"]?[0] }
        let fix = try #require(fixes.first)
        let change = try #require(fix["artifactChanges"]?[0])
        #expect(change["artifactLocation"]?["uri"] == "campaigns/acme/test.yaml")
        let replacement = try #require(change["replacements"]?[0])
        #expect(replacement["insertedContent"]?["text"] == "phoneNumberId")
        #expect(
            replacement["deletedRegion"]
                == ["startLine": 4, "startColumn": 1, "endLine": 4, "endColumn": 16]
        )
        let json = DiagnosticRenderer.json(catalog.diagnostics)["diagnostics"]?.arrayValue ?? []
        #expect(json.contains { $0["fix"]?["isSure"] == true && $0["fix"]?["replacement"] == "phoneNumberId" })
    }

    @Test func filesAreReplacedAsAWhole() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fix-\(UUID().uuidString)")
        let tenant = folder.appending(path: "acme")
        try FileManager.default.createDirectory(at: tenant, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (file, link) = (folder.appending(path: "elsewhere.txt"), tenant.appending(path: "a.yaml"))
        try Self.wrong.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file.path)
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file)
        let fixed = try SpecFixer.fix(directory: folder.path)
        #expect(fixed.map(\.path) == [link.path] && fixed.first?.fixes.count == 10, "\(fixed)")
        #expect(fixed.first?.fixes.first?.hasSuffix("a.yaml:2:1: unknown field `Kind`: replaced by `kind`") == true)
        #expect(try String(contentsOf: file, encoding: .utf8) == Self.right)
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == file.path)
        #expect(try SpecFixer.fix(directory: folder.path).isEmpty)
    }
}
