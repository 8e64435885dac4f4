import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// Two installations in one database, each in a schema of its own, with tenants, senders and campaigns of the same names.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct SchemaTests {
    @Test(.timing, .timeLimit(.minutes(3)), arguments: ["", "&prepared_statements=off"])
    func nothingCrosses(setting: String) async throws {
        try await Stage.with(contacts: 30, rate: 80) { stage in
            let url = try #require(stage.environment["DATABASE_URL"])
            let beside = stage.with([
                "DATABASE_URL": url + (url.contains("?") ? "&" : "?") + "schema=beside" + setting,
                "REDIS_PREFIX": "beside-\(stage.phoneNumberID):",
            ])
            #expect(try await beside.succeed("campaignd", "migrate").contains("applied 1 "))
            #expect(try await beside.succeed("campaignd", "migrate").contains("up to date"))
            let contacts = beside.folder.appending(path: "beside.csv")
            let rows = (1...20).map { "2547\(20_000_000 + $0),Contact \($0),demo\n" }
            try ("contactId,name,tags\n" + rows.joined()).write(to: contacts, atomically: true, encoding: .utf8)
            try await beside.succeed("campaignd", "contacts", "import", "--tenant", "test", contacts.path)
            try await beside.succeed("reconcile", beside.campaigns)
            let daemons = [try await stage.startDaemon(), try await beside.startDaemon()]
            for stage in [stage, beside] { try await stage.succeed("campaignd", "send", "hello", "--tenant", "test") }
            try await eventually(within: .seconds(60), "both are completed") {
                let rows = try await stage.pool.query(
                    "SELECT status::text FROM campaign_runs UNION ALL SELECT status::text FROM beside.campaign_runs"
                )
                return try rows.map { try $0.decode(0, as: String.self) } == ["completed", "completed"]
            }
            for daemon in daemons { daemon.signal(SIGTERM) }
            for daemon in daemons { #expect(try await daemon.outcome().exitCode == 0) }
            let sent = try await stage.pool.query(
                """
                SELECT (SELECT count(*) FROM campaign_messages WHERE status IN ('sent', 'delivered', 'read')),
                    (SELECT count(*) FROM beside.campaign_messages WHERE status IN ('sent', 'delivered', 'read'))
                """
            )
            #expect(try sent[0].decode(0) == 30)
            #expect(try sent[0].decode(1) == 20)
            try await stage.checkLedger(recipients: 50, rate: nil)
        }
    }
}
