import Foundation
import Testing

/// Checks the import graph: data flows one way, only wrappers import C, and only the edges import HTTP.
struct ImportTests {
    /// The modules of this package that each target may import.
    private static let allowed: [String: Set<String>] = [
        "JSON": [], "Spelling": [], "Randomness": [], "Settings": [], "Prometheus": [], "Dashboard": [],
        "OneShotHTTP": ["Settings"],
        "Calendar": ["Spelling"],
        "Cells": ["Postgres", "Spelling", "YAML"],
        "YAML": ["CLibYAML"],
        "Postgres": ["CLibPQ", "Calendar"],
        "Redis": ["CHiredis"],
        "AccessTokens": ["JSON", "Settings"],
        "Spec": ["Calendar", "JSON", "Spelling", "YAML"],
        "Store": ["Calendar", "JSON", "Postgres", "Spec", "Spelling"],
        "Reconciler": ["Calendar", "JSON", "Postgres", "Spec", "Spelling", "Store"],
        "Runtime": [
            "JSON", "OneShotHTTP", "Postgres", "Prometheus", "Redis", "Settings", "Spec", "Store",
        ],
        "Account": ["JSON", "OneShotHTTP", "Postgres", "Settings", "Spec", "Spelling", "Store"],
        "Contacts": ["Calendar", "JSON", "Randomness", "Spec", "Spelling", "Store"],
        "API": [
            "AccessTokens", "Calendar", "Dashboard", "JSON", "Postgres", "Prometheus", "Runtime", "Settings", "Spec",
            "Spelling", "Store",
        ],
        "Daemon": [
            "Account", "AccessTokens", "API", "OneShotHTTP", "Postgres", "Prometheus", "Redis", "Runtime", "Settings",
            "Store",
        ],
        "WhatsAppSimulator": ["JSON"],
        "CommandKit": ["Cells", "JSON", "Postgres", "Settings", "Spelling", "Store"],
        "reconcile": [
            "Account", "Calendar", "Cells", "CommandKit", "JSON", "Postgres", "Reconciler", "Settings", "Spec",
            "Spelling",
            "Store",
        ],
        "campaignd": [
            "AccessTokens", "Account", "API", "Calendar", "Cells", "CommandKit", "Contacts", "Daemon", "JSON",
            "Postgres",
            "Reconciler",
            "Runtime", "Settings", "Spec", "Spelling", "Store", "WhatsAppSimulator",
        ],
        "SpecFuzz": ["JSON", "Randomness", "Spec", "SpecSamples"],
        "FaultHarness": ["Postgres", "Randomness", "TestBed", "WhatsAppSimulator"],
        "TestBed": ["Postgres", "Redis"],
        "BenchKit": ["TestBed"],
        "Bench": [
            "BenchKit", "CLibYAML", "OneShotHTTP", "Postgres", "Redis", "Store", "TestBed", "WhatsAppSimulator",
        ],
        "SpecSamples": [],
    ]
    private static let modules = Set(allowed.keys).union(["CLibYAML", "CLibPQ", "CHiredis"])

    @Test func targetsImportOnlyWhatTheyMay() throws {
        for source in try SourceFile.all() {
            let ours = source.imports.intersection(Self.modules)
            let allowed = try #require(Self.allowed[source.target], "\(source.target) is new: say what it imports")
            #expect(ours.isSubset(of: allowed), "\(source.path) imports \(ours.subtracting(allowed).sorted())")
        }
    }

    @Test func everyAllowedImportIsUsed() throws {
        let sources = Dictionary(grouping: try SourceFile.all(), by: \.target)
        for (target, allowed) in Self.allowed {
            let used = Set(sources[target, default: []].flatMap(\.imports))
            #expect(allowed.isSubset(of: used), "\(target) does not need \(allowed.subtracting(used).sorted())")
        }
    }

    @Test func onlyTheEdgesSpeakHTTP() throws {
        let edges = [
            "Sources/API/", "Sources/Account/", "Sources/Daemon/", "Sources/Runtime/Channels/",
            "Sources/Runtime/Notify/", "Sources/WhatsAppSimulator/",
        ]
        let libraries: Set = ["AsyncHTTPClient", "OneShotHTTP", "Hummingbird", "HummingbirdCore"]
        for source in try SourceFile.all() where source.path.hasPrefix("Sources/") {
            guard !libraries.isDisjoint(with: source.imports) else { continue }
            #expect(edges.contains { source.path.hasPrefix($0) }, "\(source.path) speaks HTTP")
        }
    }

    /// The API reads and writes Postgres only; lanes follow the changes there.
    @Test func theAPICannotTouchALane() throws {
        for source in try SourceFile.all() where source.target == "API" {
            for name in ["LaneQueue", "LaneWorker", "LaneKeeper", "LaneServices", "LaneDirectory"] {
                #expect(!source.text.contains(name), "\(source.path) names \(name)")
            }
        }
    }
}
