import Foundation
import Spec
import Testing

/// Warnings that a file or a caller allows, and the ones that a caller denies.
struct AllowTests {
    private static func template(_ name: String) -> String {
        """
        kind: Template
        \(name)
        whatsappName: hello
        language: en
        category: utility
        body: Hello
        """
    }

    @Test(arguments: [
        // A comment on the line of the warning, and one right above it.
        ("name: on # allow C010: the brand is called so", [] as [String]),
        ("# allow C010: the brand is called so\nname: on", []),
        ("# allow C010: the brand is called so\n# and has been for years\nname: on", []),
        ("#allow C010 the brand is called so\nname: on", []),
        // A comment in another place allows nothing.
        ("# allow C010: too far\n\nname: on", ["2:1 C027 there is no `C010` in line 2 to allow", "4:7 C010"]),
        ("name: on\n# allow C010: below", ["2:7 C010", "3:1 C027 there is no `C010` in line 4 to allow"]),
        // Comments without a reason, with an unknown code, with the code of an error, and without a warning to allow.
        ("name: on # allow C010", ["2:7 C010", "2:10 C024 `C010` is allowed without a reason"]),
        ("name: on # allow C010:  ", ["2:7 C010", "2:10 C024 `C010` is allowed without a reason"]),
        ("name: on # allow C999: x", ["2:7 C010", "2:10 C025 there is no code `C999` to allow"]),
        // Several codes, in any case.
        ("name: on # allow c010: x", []), ("name: on # Allow C010 x", []),
        ("name: on # allow C010, c056: x", ["2:10 C027 there is no `C056` in line 2 to allow"]),
        (
            "name: on # allow C056 C010",
            [
                "2:7 C010", "2:10 C024 `C010` is allowed without", "2:10 C024 `C056` is allowed without",
            ]
        ),
        ("name: on # allow C010,C999: x", ["2:10 C025 there is no code `C999` to allow"]),
        ("name: a # allow C012: x", ["2:9 C026 `C012` is an error, and only warnings can be allowed"]),
        ("name: a # allow C010: x", ["2:9 C027 there is no `C010` in line 2 to allow"]),
        ("name: on # allow C056: x", ["2:7 C010", "2:10 C027 there is no `C056` in line 2 to allow"]),
        // Two comments for one warning are redundant, but no mistake.
        ("# allow C010: x\nname: on # allow C010: y", []),
        // Ordinary comments, and text that only looks like a comment.
        ("name: on # allow me to explain", ["2:7 C010"]),
        ("name: on # allowance C010: x", ["2:7 C010"]),
    ])
    func aCommentAllowsOneWarningOfItsLine(line: String, expected: [String]) {
        let found = Fixture.lines(Self.template(line))
        #expect(found.count == expected.count, "\(found)")
        for (line, start) in zip(found, expected) { #expect(line.hasPrefix(start), "\(found)") }
    }

    @Test func whatIsInAValueAllowsNothing() {
        let text = Self.template("name: on").replacing("Hello", with: "\"Hello # allow C010: x\"")
        #expect(Fixture.lines(text).count == 1)
    }

    @Test func nothingIsCalledUnusedBesideAnError() {
        let text = Self.template("name: fine # allow C010: x").replacing("utility", with: "utilty")
        #expect(Fixture.catalog(text).diagnostics.map(\.code) == [.invalidValue])
    }

    @Test func aWarningAcrossFilesIsAllowedWhereItStands() {
        func file(_ name: String, _ text: String) -> SpecCatalog.SourceFile {
            .init(path: "c/acme/\(name).yaml", tenant: "acme", bytes: Array(text.utf8))
        }
        let campaign = """
            kind: Campaign
            name: weekly
            # allow C073: its schedule comes with the next release
            type: scheduled
            sender: main
            message: { type: template, template: { name: a, language: { code: en } } }
            audience: { conditions: [] }
            """
        let files = [file("a", Fixture.sender), file("b", campaign)]
        #expect(SpecCatalog.load(files: files).diagnostics.map(\.message) == [])
    }

    private static let warnings = Fixture.catalog(template("name: on")).diagnostics

    @Test func aPolicyDeniesAndAllows() {
        func codes(_ policy: DiagnosticPolicy) -> [String] {
            policy.apply(to: Self.warnings).map { "\($0.severity) \($0.code.rawValue)" }
        }
        #expect(codes(DiagnosticPolicy()) == ["warning C010"])
        #expect(codes(DiagnosticPolicy(denied: [.ambiguousScalar])) == ["error C010"])
        #expect(codes(DiagnosticPolicy(allowed: [.ambiguousScalar])) == [])
        #expect(codes(DiagnosticPolicy(deniesWarnings: true)) == ["error C010"])
        #expect(codes(DiagnosticPolicy(allowed: [.ambiguousScalar], deniesWarnings: true)) == [])
        #expect(codes(DiagnosticPolicy(allowed: [.eitherDay], deniesWarnings: true)) == ["error C010"])
    }

    @Test func aPolicyNeverHidesAnError() {
        let errors = Fixture.catalog("kind: Sendr\n").diagnostics
        #expect(DiagnosticPolicy(allowed: [.unknownKind]).apply(to: errors) == errors)
    }

    @Test func onlySoManyFindingsAreShownErrorsFirst() {
        let lines = (1...9).map { "  x\($0): 1" }.joined(separator: "\n")
        let text = Self.template("name: on") + "\n" + lines.replacing("  ", with: "")
        let catalog = Fixture.catalog(text)
        #expect(catalog.diagnostics.count == 10)
        let renderer = DiagnosticRenderer(sources: catalog.sources)
        let few = renderer.text(catalog.diagnostics, maximum: 3)
        #expect(few.matches(of: /error\[C012\]/).count == 3)
        #expect(!few.contains("warning[") && few.hasSuffix("\n… and 7 more (6 errors, 1 warning)\n"))
        let most = renderer.text(catalog.diagnostics, maximum: 9)
        #expect(most.hasSuffix("\n… and 1 more (1 warning)\n"))
        for all in [nil, 0, 10, 11] {
            #expect(renderer.text(catalog.diagnostics, maximum: all) == renderer.text(catalog.diagnostics))
        }
    }
}
