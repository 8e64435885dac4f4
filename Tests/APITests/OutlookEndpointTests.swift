import Foundation
import JSON
import Logging
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

@testable import API

/// Why campaigns wait, and who acted on them, over HTTP.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct OutlookEndpointTests {
    @Test func aCampaignWithoutADaemonSaysSo() async throws {
        try await APIFixture.with(contacts: 50) { api in
            let id = try await api.campaign()
            #expect(try await api.call("GET", "/campaigns/\(id)").json["waiting"] == nil, "a draft waits for nothing")
            let sent = try await api.call("POST", "/campaigns/\(id)/send").json
            #expect(sent["campaign"]?["waiting"]?["reason"] == "launching")
            #expect(sent["run"]?["waiting"]?["reason"] == "launching")
            let end = sent["run"]?["estimatedCompletionAt"]
            #expect(end != nil && end == sent["campaign"]?["estimatedCompletionAt"])
            try await api.finishLaunches()
            for view in [
                try await api.call("GET", "/campaigns/\(id)").json,
                try await api.call("GET", "/campaigns").json["items"]?[0],
                try await api.call("GET", "/campaigns/\(id)/runs").json["items"]?[0],
            ] {
                #expect(view?["waiting"]?["reason"] == "no_daemon")
                #expect(view?["waiting"]?["detail"]?.stringValue?.contains("campaignd run") == true)
                #expect(view?["estimatedCompletionAt"] != nil)
            }
        }
    }

    @Test func actionsHaveWhoAndWhy() async throws {
        try await APIFixture.with(contacts: 5) { api in
            let id = try await api.campaign()
            _ = try await api.call("POST", "/campaigns/\(id)/send")
            try await api.finishLaunches()
            try await DaemonRepository(pool: api.pool).beat(UUID(), version: "1", lanes: [])
            let paused = try await api.call("POST", "/campaigns/\(id)/pause", ["reason": "wrong price"]).json
            #expect(paused["waiting"]?["reason"] == "paused")
            #expect(paused["waiting"]?["by"] == "api:tester" && paused["waiting"]?["detail"] == "wrong price")
            #expect(paused["estimatedCompletionAt"] == nil)
            _ = try await api.call("POST", "/campaigns/\(id)/resume")
            _ = try await api.call("POST", "/campaigns/\(id)/cancel", ["reason": "enough"])
            let run = try await api.call("GET", "/campaigns/\(id)/runs").json["items"]?[0]
            #expect(run?["waiting"] == nil)
            let actions = run?["actions"]?.arrayValue ?? []
            #expect(actions.map { $0["action"]?.stringValue } == ["cancel", "resume", "pause", "send"])
            #expect(actions.allSatisfy { $0["who"] == "api:tester" })
            #expect(actions.first?["reason"] == "enough" && actions.last?["reason"] == nil)
        }
    }

    /// Anyone can send wrong signatures, so that they must not fill the log.
    @Test func refusalsAreLoggedOnceAMinuteForEachReason() {
        let lines = Mutex<[String]>([])
        let clock = Mutex(ContinuousClock.now)
        let log = RefusalLog(now: { clock.withLock { $0 } })
        let logger = Logger(label: "test") { _ in Collector { line in lines.withLock { $0.append(line) } } }
        for _ in 1...5 { log.note("one", to: logger) }
        log.note("two", to: logger)
        clock.withLock { $0 += .seconds(61) }
        log.note("one", to: logger)
        #expect(lines.withLock { $0 } == ["one [:]", "two [:]", "one [\"before\": 4]"])
    }

    private struct Collector: LogHandler {
        let write: @Sendable (String) -> Void
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { write("\(event.message) \(event.metadata ?? [:])") }
    }
}
