import Foundation
import JSON
import Testing

@testable import Spec

/// Values that specs take from environments.
struct EnvironmentTests {
    /// A folder of specs of `acme` with environments beside it.
    private struct Folder {
        let parent: URL
        var root: String { parent.path + "/campaigns" }

        func write(_ text: String, to path: String) throws {
            let file = parent.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }

        func load(_ environment: String?) -> SpecCatalog {
            SpecCatalog.load(directory: root, environment: environment)
        }

        func lines(_ catalog: SpecCatalog) -> [String] {
            catalog.diagnostics.map { finding in
                func shown(_ place: SourcePlace) -> String {
                    "\(place.file.dropFirst(parent.path.count + 1)):\(place.start.line):\(place.start.column)"
                }
                let related = finding.related.map { " <- \(shown($0.place)) \($0.label)" } ?? ""
                return "\(shown(finding.place)) \(finding.code.rawValue) \(finding.message)\(related)"
            }
        }
    }

    private static let sender = """
        kind: Sender
        name: main
        phoneNumberId: ${id}
        accessToken: ${token}
        ratePerSecond: ${rate}
        """
    private static let staging = "id: \"1065\"\ntoken: env:STAGING\nrate: 5\n"

    private static func withFolder(
        _ spec: String = sender,
        _ environments: [String: String] = ["staging": staging],
        _ body: (Folder) throws -> Void
    ) throws {
        let folder = Folder(
            parent: FileManager.default.temporaryDirectory.appending(path: "environment-\(UUID().uuidString)")
        )
        // A leftover in the temporary folder does no harm.
        defer { try? FileManager.default.removeItem(at: folder.parent) }
        try folder.write(spec, to: "campaigns/acme/specs.yaml")
        for (name, text) in environments { try folder.write(text, to: "environments/\(name).yaml") }
        try body(folder)
    }

    @Test func valuesHaveTheTypesOfTheEnvironment() throws {
        let production = "id: \"2000\"\ntoken: env:PRODUCTION\nrate: 80\n"
        try Self.withFolder(Self.sender, ["staging": Self.staging, "production": production]) { folder in
            for (name, id, token, rate) in [
                ("staging", "1065", "STAGING", 5), ("production", "2000", "PRODUCTION", 80),
            ] {
                let catalog = folder.load(name)
                #expect(folder.lines(catalog) == [])
                #expect(catalog.environment == name)
                let sender = try #require(catalog.spec(SenderSpec.self, tenant: "acme", name: "main")).value
                #expect(sender.phoneNumberId == id && sender.ratePerSecond == rate)
                #expect("\(sender.canonical.canonicalText)".contains("env:\(token)"))
            }
            #expect(folder.lines(SpecCatalog.loadForAllEnvironments(directory: folder.root + "/")) == [])
        }
    }

    @Test func partsOfTextsAndEscapes() throws {
        let spec = """
            kind: Template
            name: hello
            whatsappName: hello
            language: en
            category: utility
            body: "At https://${host}/${path}?x=1: $${rate} for {{1}}, $5 and $$"
            footer: >-
              Open until
              ${number}
            header: "${number}1"
            """
        let values = "host: shop.example\npath: \"a$b${rate}\"\nnumber: 80\n"
        try Self.withFolder(spec, ["staging": values]) { folder in
            let catalog = folder.load("staging")
            #expect(folder.lines(catalog).allSatisfy { !$0.contains(" C08") }, "\(folder.lines(catalog))")
            let template = try #require(catalog.spec(TemplateSpec.self, tenant: "acme", name: "hello")).value
            #expect(template.body == "At https://shop.example/a$b${rate}?x=1: ${rate} for {{1}}, $5 and $$")
            #expect(template.headerText == "801")
            #expect(template.footer == "Open until 80")
        }
    }

    @Test func namesTheLineOfTheEnvironmentForAWrongValue() throws {
        let values = "rate: fast\nid: 1065\ntoken: EAAGm0PX4ZCpsBAO\n"
        try Self.withFolder(Self.sender, ["staging": values]) { folder in
            let catalog = folder.load("staging")
            let lines = folder.lines(catalog)
            #expect(lines.count == 3, "\(lines)")
            let file = "environments/staging.yaml"
            #expect(
                lines.first
                    == "campaigns/acme/specs.yaml:3:16 C014 expected a string for `phoneNumberId`, found a whole number"
                    + " <- \(file):2:5 `id` of environment `staging`"
            )
            #expect(lines.dropFirst().first?.hasPrefix("campaigns/acme/specs.yaml:4:14 C019 ") == true, "\(lines)")
            #expect(lines.last?.hasSuffix(" <- \(file):1:7 `rate` of environment `staging`") == true, "\(lines)")
            let shown = DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics)
            #expect(shown.contains("2 | id: 1065") && !shown.contains("EAAGm0PX4ZCpsBAO"), "\(shown)")
        }
    }

    @Test func reportsUnknownUnusedAndMissingNames() throws {
        let production = "id: \"2000\"\ntoken: env:P\nrat: 80\n"
        try Self.withFolder(Self.sender, ["staging": Self.staging, "production": production]) { folder in
            let expected = [
                "campaigns/acme/specs.yaml:5:16 C081 environment `production` has no value `rate`",
                "environments/production.yaml:3:1 C082 no spec takes the value `rat`",
            ]
            #expect(folder.lines(folder.load("production")) == expected)
            #expect(folder.lines(SpecCatalog.loadForAllEnvironments(directory: folder.root)) == expected)
            #expect(folder.lines(folder.load("staging")) == [])
            let help = folder.load("production").diagnostics.map(\.help)
            #expect(help == ["did you mean `rat`?", "remove it"])
        }
    }

    @Test func needsAnEnvironmentThatExists() throws {
        try Self.withFolder { folder in
            let without = folder.load(nil)
            #expect(without.diagnostics.map(\.code) == [.environmentNeeded, .environmentNeeded, .environmentNeeded])
            #expect(without.diagnostics.first?.help == "give `--environment staging`")
            let wrong = folder.load("stagng")
            #expect(
                folder.lines(wrong) == ["environments/stagng.yaml:1:1 C023 there is no environment `stagng`"]
            )
            #expect(wrong.diagnostics.first?.help == "did you mean `staging`?")
        }
        try Self.withFolder(Fixture.sender, [:]) { folder in
            #expect(folder.lines(folder.load(nil)) == [])
            #expect(folder.lines(SpecCatalog.loadForAllEnvironments(directory: folder.root)) == [])
        }
    }

    @Test(arguments: [
        ("name: ${id}", "`name` is the same in every environment"),
        ("name: main\ntier: ${", "`${` needs the name of a value and `}`"),
        ("name: main\ntier: \"${two words}\"", "`${` needs the name of a value and `}`"),
        ("name: main\ntier: \"${-a}\"", "`${` needs the name of a value and `}`"),
    ])
    func refusesWrongReferences(field: String, message: String) throws {
        let spec = Fixture.sender.replacing("name: main", with: field)
        try Self.withFolder(spec, ["staging": "id: x\n"]) { folder in
            let found = folder.load("staging").diagnostics.filter { $0.code == .environmentReference }
            #expect(found.map(\.message) == [message])
        }
    }

    @Test(arguments: [
        ("id: [1]", "C014 expected a text, a number or a boolean for `id`, found a list"),
        ("id:", "C014 expected a text, a number or a boolean for `id`, found nothing"),
        ("id: x\nid: y", "C004 duplicate key `id`"),
        ("- id", "C014 expected a mapping of names to values, found a list"),
        ("a b: 1", "C084 `a b` is not a name of a value"), ("id: [", "C001"),
        ("<<<<<<< HEAD\nid: x\n", "C080 `<<<<<<<` marks a conflict of two versions"),
    ])
    func reportsMistakesOfTheFile(text: String, message: String) throws {
        try Self.withFolder(Fixture.sender.replacing("\"1065\"", with: "${id}"), ["staging": text]) { folder in
            let lines = folder.lines(folder.load("staging"))
            #expect(
                lines.contains { $0.hasPrefix("environments/staging.yaml:") && $0.contains(" \(message)") },
                "\(lines)"
            )
        }
    }

    @Test func keysAreNotChanged() throws {
        let spec = Fixture.sender + "\n${rate}: 1\n"
        try Self.withFolder(spec, ["staging": "rate: x\n"]) { folder in
            let lines = folder.lines(folder.load("staging"))
            #expect(lines.contains { $0.contains("C012 unknown field `${rate}`") }, "\(lines)")
        }
    }

    @Test(arguments: [
        ("campaigns", "environments"), ("campaigns/", "environments"), ("/srv/x/campaigns", "/srv/x/environments"),
        ("./campaigns", "./environments"), (".", "./../environments"), ("a/..", "a/../../environments"),
        ("/campaigns", "/environments"),
    ])
    func environmentsAreBesideTheFolder(folder: String, expected: String) {
        #expect(SpecEnvironments(beside: folder).folder == expected)
    }
}
