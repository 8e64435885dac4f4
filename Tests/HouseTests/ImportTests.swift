import Foundation
import Testing

/// The rules of the house that a compiler does not know: data walks one way, and C stays behind its wrappers.
struct ImportTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The modules of this package that each target may import.
    private static let allowed: [String: Set<String>] = [
        "YAML": ["CLibYAML"],
        "Postgres": ["CLibPQ"],
        "Redis": ["CHiredis"],
        "HTTPPosting": [],
        "Spec": ["YAML"],
        "SpecFuzz": ["Spec", "SpecSamples"],
        "Store": ["Spec", "Postgres"],
        "Reconciler": ["Spec", "Store", "Postgres"],
        "Runtime": ["HTTPPosting", "Spec", "Store", "Postgres", "Redis"],
        "WhatsAppSimulator": [],
        "FaultHarness": ["Postgres", "Redis", "WhatsAppSimulator"],
        "reconcile": ["CMalloc", "Reconciler", "Spec", "Store", "Postgres"],
        "campaignd": ["Runtime", "Spec", "Store", "Postgres", "Redis", "WhatsAppSimulator", "Reconciler"],
    ]
    private static let modules = Set(allowed.keys).union(["CLibYAML", "CLibPQ", "CHiredis", "CMalloc", "SpecSamples"])
    /// Where HTTP may be spoken.
    private static let httpFolders = ["Sources/Runtime/API/", "Sources/Runtime/Send/", "Sources/Runtime/Composition/"]

    private struct Source {
        let path: String
        let target: String
        let lines: [Substring]

        var imports: [String] {
            lines.compactMap {
                $0.firstMatch(of: /^(?:(?:public|internal|package) )?import (?:\w+ )?(\w+)/).map { String($0.1) }
            }
        }
    }

    @Test func targetsImportOnlyWhatStandsBelowThem() throws {
        for source in try Self.sources() {
            let ours = Set(source.imports).intersection(Self.modules)
            #expect(
                ours.isSubset(of: Self.allowed[source.target, default: []]),
                "\(source.path) imports \(ours.sorted())"
            )
        }
    }

    @Test func onlyTheRuntimesEdgesSpeakHTTP() throws {
        for source in try Self.sources() where source.target == "Runtime" {
            guard source.imports.contains(where: ["AsyncHTTPClient", "HTTPPosting", "Hummingbird"].contains) else {
                continue
            }
            #expect(Self.httpFolders.contains { source.path.hasPrefix($0) }, "\(source.path) speaks HTTP")
        }
    }

    @Test func statementsStandInTheStore() throws {
        let statement = /"[^"]*\b(SELECT .* FROM|INSERT INTO|UPDATE .* SET|DELETE FROM)\b/
        for source in try Self.sources() where !["Store", "Postgres"].contains(source.target) {
            for (number, line) in source.lines.enumerated() where line.firstMatch(of: statement) != nil {
                Issue.record("\(source.path):\(number + 1) has SQL")
            }
        }
    }

    @Test func roomsStaySmall() throws {
        for source in try Self.sources() {
            #expect(source.lines.count <= 301, "\(source.path) has \(source.lines.count) lines")
        }
    }

    private static func sources() throws -> [Source] {
        let folder = root.appending(path: "Sources")
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        let sources = try files.filter { $0.hasSuffix(".swift") }.map { path in
            let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            return Source(
                path: "Sources/" + path,
                target: String(path.prefix { $0 != "/" }),
                lines: text.split(separator: "\n", omittingEmptySubsequences: false)
            )
        }
        try #require(!sources.isEmpty)
        return sources
    }
}
