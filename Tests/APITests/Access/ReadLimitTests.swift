import Foundation
import HTTPTypes
import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import API

/// Bounds on the time of reads: for large tenants, and while another session holds their tables.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ReadLimitTests {
    private static let locksAllTables = """
        DO $$ DECLARE t text; BEGIN
            FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
                EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', t);
            END LOOP;
        END $$
        """

    private static func path(_ endpoint: Endpoint) -> String {
        endpoint.path.replacing("{id}", with: UUID().apiText).replacing("{contactId}", with: "254700000001")
            .replacing("{digest}", with: String(repeating: "ab", count: 32))
    }

    @Test func stopsEachReadThatTakesTooLong() async throws {
        let limit = Duration.milliseconds(100)
        try await APIFixture.with(readLimit: limit, previewLimit: limit) { api in
            try await api.pool.withConnection { connection in
                try await connection.transaction { connection in
                    try await connection.simpleScript(Self.locksAllTables)
                    var tried = 0
                    for endpoint in api.endpoints.endpoints where endpoint.isRead && endpoint.neededAccess != .open {
                        // These are told from what the feed read, within its own limits.
                        if ["/events", "/senders", "/daemons"].contains(endpoint.path) { continue }
                        let start = ContinuousClock.now
                        let reply = try await api.call(
                            endpoint.method.rawValue,
                            Self.path(endpoint),
                            endpoint.exampleBody
                        )
                        let route = "\(endpoint.method.rawValue) \(endpoint.path)"
                        #expect((reply.status, reply.code) == (503, "too_slow"), "\(route): \(reply.text)")
                        #expect(reply.header("Retry-After") == "5", "\(route)")
                        #expect(ContinuousClock.now - start < .seconds(20), "\(route)")
                        let isPreview = reply.text.contains("reconcile preview")
                        #expect(isPreview == (endpoint.ifSlow != nil), "\(route): \(reply.text)")
                        tried += 1
                    }
                    #expect(tried > 25, "the test has lost its routes")
                }
            }
            #expect(try await api.call("GET", "/contacts").status == 200, "the connections are good")
        }
    }

    @Test func changesKeepTheirOwnDeadlines() async throws {
        try await APIFixture.with(readLimit: .milliseconds(50)) { api in
            try await api.pool.withConnection { connection in
                try await connection.execute("BEGIN")
                try await connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
                async let put = api.call("PUT", "/contacts/254712345678", ["name": "Amina"])
                let read = try await api.call("GET", "/contacts")
                #expect(read.code == "too_slow")
                try await connection.execute("COMMIT")
                let status = try await put.status
                #expect(status == 201)
            }
        }
    }
}
