import Foundation
import JSON
import Spec
import Testing

/// SARIF 2.1.0, as code scanning reads it.
struct SARIFTests {
    private static let text = """
        kind: Sender
        name: main
        phoneNumberId: "1065"
        accessToken: env:TOKEN
        tier: 9
        ---
        kind: Sender
        name: main
        phoneNumberId: "1066"
        accessToken: env:TOKEN
        tier: 9
        """

    private static func log(_ text: String, path: String = "campaigns/acme/test.yaml") -> JSONValue {
        let catalog = Fixture.catalog(text, path: path)
        return DiagnosticRenderer(sources: catalog.sources).sarif(catalog.diagnostics, toolVersion: "1.2.3")
    }

    private static func results(_ log: JSONValue) -> [JSONValue] { log["runs"]?[0]?["results"]?.arrayValue ?? [] }

    private static func fingerprints(_ log: JSONValue) -> [String] {
        results(log).compactMap { $0["partialFingerprints"]?["primaryLocationLineHash"]?.stringValue }
    }

    @Test func hasTheShapeThatTheStandardAsksFor() throws {
        let log = Self.log(Self.text)
        #expect(log["version"] == "2.1.0")
        let run = try #require(log["runs"]?[0])
        #expect(run["columnKind"] == "unicodeCodePoints")
        let rules = try #require(run["tool"]?["driver"]?["rules"]?.arrayValue)
        #expect(rules.count == DiagnosticCode.allCases.count)
        #expect(Set(rules.compactMap { $0["id"]?.stringValue }).count == rules.count)
        let results = Self.results(log)
        #expect(results.count == 3)
        for result in results {
            let index = try #require(result["ruleIndex"]?.integerValue)
            #expect(rules[index]["id"] == result["ruleId"])
            #expect(["error", "warning"].contains(result["level"]?.stringValue ?? ""))
            #expect(result["message"]?["text"]?.stringValue?.isEmpty == false)
            let region = try #require(result["locations"]?[0]?["physicalLocation"]?["region"])
            for field in ["startLine", "startColumn", "endLine", "endColumn"] {
                #expect((region[field]?.integerValue ?? 0) >= 1)
            }
        }
        let second = try #require(results.first { $0["ruleId"] == "C020" })
        #expect(second["relatedLocations"]?[0]?["message"]?["text"] == "first defined here")
    }

    @Test func aFingerprintStaysWhenLinesMove() {
        let before = Self.fingerprints(Self.log(Self.text))
        #expect(Set(before).count == before.count)
        let moved = "# A new head\n\n" + Self.text.replacing("tier: 9", with: "tier:   9")
        #expect(Self.fingerprints(Self.log(moved)) == before)
        #expect(Self.fingerprints(Self.log(Self.text, path: "campaigns/acme/other.yaml")) != before)
        #expect(Self.fingerprints(Self.log(Self.text.replacing("tier: 9", with: "tier: 8"))) != before)
    }

    @Test func aPathBecomesAReference() throws {
        let log = Self.log("kind: Sendr", path: "campaigns/acme/50% é #1.yaml")
        let artifact = try #require(Self.results(log).first?["locations"]?[0]?["physicalLocation"]?["artifactLocation"])
        #expect(artifact["uri"] == "campaigns/acme/50%25%20%C3%A9%20%231.yaml")
        #expect(artifact["uriBaseId"] == "%SRCROOT%")
    }

    @Test func deniedWarningsAreErrors() {
        let catalog = Fixture.catalog(Fixture.sender.replacing("main", with: "on"))
        let denied = DiagnosticPolicy(deniesWarnings: true).apply(to: catalog.diagnostics)
        let log = DiagnosticRenderer(sources: catalog.sources).sarif(denied, toolVersion: "1")
        #expect(Self.results(log).map { $0["level"] } == ["error"])
    }
}
