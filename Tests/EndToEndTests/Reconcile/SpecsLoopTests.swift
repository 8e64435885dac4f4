import Foundation
import FoundationNetworking
import Postgres
import TestBed
import TestSupport
import Testing

/// A daemon that applies the commits of a repository of specs.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct SpecsLoopTests {
    private struct Readiness: Decodable {
        struct Specs: Decodable {
            let lastAppliedCommit: String?
            let lastAttemptedCommit: String?
            let reason: String?
        }

        let specs: Specs
    }

    private static func get(_ address: String) async throws -> String {
        let url = try #require(URL(string: address))
        return String(decoding: try await URLSession.shared.data(from: url).0, as: UTF8.self)
    }

    private static func specs(_ address: String) async throws -> Readiness.Specs {
        try JSONDecoder().decode(Readiness.self, from: Data(try await get(address + "/readyz").utf8)).specs
    }

    private static func reaches(_ address: String, applied: String, attempted: String) async throws {
        try await eventually(within: .seconds(30), "\(attempted) is attempted") {
            let specs = try await Self.specs(address)
            return specs.lastAppliedCommit == applied && specs.lastAttemptedCommit == attempted
        }
    }

    private static func stop(_ daemon: ChildProcess) async throws {
        daemon.signal(SIGTERM)
        #expect(try await daemon.outcome().exitCode == 0)
    }

    private static func reports(_ daemon: ChildProcess) -> Int {
        daemon.errors.matches(of: /error.*Specs not applied/).count
    }

    @Test func commitsAreAppliedAndABrokenOneIsReportedOnce() async throws {
        try await SpecsStage.with { stage in
            let first = try await stage.commit("test/campaign.yaml", SpecsStage.campaign)
            let (daemon, address) = try await stage.startDaemon(interval: 2)
            try await Self.reaches(address, applied: first, attempted: first)
            #expect(try await stage.count("SELECT count(*) FROM campaigns WHERE \"managedBy\" = 'spec'") == 1)

            let text = SpecsStage.campaign.replacing("title: Offer", with: "title: New")
            let second = try await stage.commit("test/campaign.yaml", text)
            try await Self.reaches(address, applied: second, attempted: second)
            #expect(try await stage.count("SELECT count(*) FROM campaigns WHERE title = 'New'") == 1)

            let broken = try await stage.commit(
                "test/campaign.yaml",
                text.replacing("type: manual", with: "type: manuel")
            )
            try await Self.reaches(address, applied: second, attempted: broken)
            try await eventually("it is tried again") {
                try await stage.count("SELECT coalesce(max(count), 0) FROM reconcile_attempts") >= 3
            }
            #expect(Self.reports(daemon) == 1)
            let reason = try await Self.specs(address).reason ?? ""
            #expect(reason.hasPrefix("test/campaign.yaml:4:7: `manuel` is not a value of `type`"), "\(reason)")
            #expect(try await stage.count("SELECT count(*) FROM campaigns WHERE title = 'New'") == 1)
            let metrics = try await Self.get(address + "/metrics")
            #expect(metrics.contains("campaigns_specs_last_attempt_succeeded 0\n"))
            #expect(metrics.contains("campaigns_specs_commit_info{applied=\"\(second)\",attempted=\"\(broken)\"} 1"))
            let history = try await stage.reconcile("history")
            #expect(history.output.hasPrefix("-  "), "\(history.output)")
            #expect(history.output.contains("nothing changed: invalid  by campaignd, commit \(broken.prefix(12))"))
            #expect(history.output.contains("`manuel` is not a value of `type`"))
            #expect(history.output.contains("by campaignd, commit \(second.prefix(12))"))

            let healed = try await stage.commit("test/campaign.yaml", SpecsStage.campaign)
            try await Self.reaches(address, applied: healed, attempted: healed)
            #expect(try await Self.specs(address).reason == nil)
            #expect(try await Self.get(address + "/metrics").contains("campaigns_specs_last_attempt_succeeded 1\n"))
            #expect(try await stage.count("SELECT count(*) FROM campaigns WHERE title = 'Offer'") == 1)
            try await Self.stop(daemon)
        }
    }

    @Test func twoDaemonsApplyOnceAndReportOnce() async throws {
        try await SpecsStage.with { stage in
            let daemons = [try await stage.startDaemon(interval: 2), try await stage.startDaemon(interval: 2)]
            try await eventually(within: .seconds(30), "the specs are applied") {
                try await stage.count("SELECT count(*) FROM reconcile_history") == 1
            }
            let broken = try await stage.commit("test/sender.yaml", "kind: Sendr\n")
            for (_, address) in daemons {
                try await eventually(within: .seconds(30), "the broken commit is attempted") {
                    try await Self.specs(address).lastAttemptedCommit == broken
                }
            }
            #expect(daemons.map { Self.reports($0.process) }.reduce(0, +) == 1)
            #expect(try await stage.count("SELECT count(*) FROM reconcile_attempts") == 1)
            #expect(try await stage.count("SELECT count(*) FROM reconcile_history") == 1)
            for (daemon, _) in daemons { try await Self.stop(daemon) }
        }
    }

    @Test func editsByHandAreRevertedAndMassDeletesRefused() async throws {
        try await SpecsStage.with { stage in
            let first = try await stage.commit("test/campaign.yaml", SpecsStage.campaign)
            let (daemon, address) = try await stage.startDaemon(interval: 1)
            try await Self.reaches(address, applied: first, attempted: first)
            try await stage.pool.execute("UPDATE senders SET \"ratePerSecond\" = 1")
            try await eventually(within: .seconds(30), "the edit is put back") {
                try await stage.count("SELECT max(\"ratePerSecond\") FROM senders") == 80
            }
            try await stage.git("rm", "-r", "--quiet", "campaigns")
            try await stage.git("commit", "--quiet", "--message", "Remove everything")
            try FileManager.default.createDirectory(atPath: stage.specs + "/test", withIntermediateDirectories: true)
            try await eventually(within: .seconds(30), "the mass delete is refused") {
                try await Self.specs(address).reason?.contains("all of them would be deleted") == true
            }
            #expect(try await stage.count("SELECT count(*) FROM senders WHERE \"archivedAt\" IS NULL") == 1)
            try await Self.stop(daemon)
        }
    }
}
