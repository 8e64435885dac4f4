import Foundation
import Testing

/// Compares `docs/dependencies.md` and `Package.versions` with the manifest, and with what was built.
struct DependencyTests {
    /// The part of `Package.resolved` that matters here.
    private struct Versions: Decodable {
        struct Pin: Decodable, Hashable {
            struct State: Decodable, Hashable {
                let revision: String
                let version: String
            }

            let identity: String
            let location: String
            let state: State
        }

        let pins: [Pin]
    }

    /// The part of SwiftPM's own record that matters here.
    private struct Workspace: Decodable {
        struct Object: Decodable {
            let dependencies: [Dependency]
        }

        struct Dependency: Decodable {
            struct Reference: Decodable {
                let identity: String
                let location: String
            }

            struct State: Decodable {
                let checkoutState: Versions.Pin.State
            }

            let packageRef: Reference
            let state: State
        }

        let object: Object
    }

    private static let build = SourceFile.root.appending(path: ".build")
    private static let workspace = build.appending(path: "workspace-state.json")

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: SourceFile.root.appending(path: path), encoding: .utf8)
    }

    private static func pins() throws -> [Versions.Pin] {
        try JSONDecoder().decode(Versions.self, from: Data(text("Package.versions").utf8)).pins
    }

    /// The rows of the two tables of packages: name, version and licence.
    private static func rows(_ part: Substring) -> [String: (version: String, licence: String)] {
        let rows = part.matches(of: /\n\| `([a-z0-9-]+)` \| ([0-9.]+) \| ([A-Za-z0-9.-]+) \| [^|]{3,} \|/)
        return Dictionary(
            rows.map { (String($0.1), (String($0.2), String($0.3))) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The two tables of packages: those of the manifest, and those that come with them.
    private static func tables() throws -> (direct: Substring, indirect: Substring) {
        let page = try text("docs/dependencies.md")
        let start = try #require(page.firstRange(of: "## Swift packages"))
        let middle = try #require(page.firstRange(of: "These come with them:"))
        let end = try #require(page.firstRange(of: "## System libraries"))
        return (page[start.upperBound..<middle.lowerBound], page[middle.upperBound..<end.lowerBound])
    }

    @Test func thePageListsWhatTheManifestNames() throws {
        let manifest = try Self.text("Package.swift")
        let named = manifest.matches(of: /\.package\(url: ".*\/([a-z0-9-]+)\.git"/).map { String($0.1) }
        #expect(named.count > 10)
        #expect(Set(Self.rows(try Self.tables().direct).keys) == Set(named))
    }

    @Test func thePageHasTheVersionsOfAllPackages() throws {
        let (direct, indirect) = try Self.tables()
        let rows = Self.rows(direct).merging(Self.rows(indirect)) { first, _ in first }
        let pins = try Self.pins()
        #expect(Set(rows.keys) == Set(pins.map(\.identity)))
        for pin in pins { #expect(rows[pin.identity]?.version == pin.state.version, "\(pin.identity)") }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: workspace.path)))
    func whatWasBuiltHasTheseVersions() throws {
        let built = try JSONDecoder().decode(Workspace.self, from: Data(contentsOf: Self.workspace)).object.dependencies
        let pins = built.map { dependency in
            Versions.Pin(
                identity: dependency.packageRef.identity,
                location: dependency.packageRef.location,
                state: dependency.state.checkoutState
            )
        }
        let difference = Set(pins).symmetricDifference(try Self.pins()).map(\.identity)
        #expect(difference == [], "copy Package.resolved to Package.versions, and change docs/dependencies.md")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: build.appending(path: "checkouts").path)))
    func licencesAreThoseOfTheSources() throws {
        let (direct, indirect) = try Self.tables()
        for (name, row) in Self.rows(direct).merging(Self.rows(indirect), uniquingKeysWith: { first, _ in first }) {
            let folder = Self.build.appending(path: "checkouts/\(name)")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            let licence = try #require(files.first { $0.hasPrefix("LICENSE") }, "\(name)")
            let text = try String(contentsOf: folder.appending(path: licence), encoding: .utf8)
            #expect(row.licence == "Apache-2.0", "this test knows only that one: \(name)")
            #expect(text.contains("Apache License") && text.contains("Version 2.0"), "\(name)")
        }
    }
}
