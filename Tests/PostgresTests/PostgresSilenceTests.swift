import Postgres
import TestSupport
import Testing

/// A server that accepts connections but never responds: no call may take longer than its deadline plus the time for a
/// cancel.
@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresSilenceTests {
    @Test(.timing) func connectingEndsWhenTheServerIsSilent() async throws {
        let server = try SilentServer()
        defer { server.stop() }
        let configuration = try PostgresConfiguration(
            "postgresql://u@127.0.0.1:\(server.port)/d?sslmode=disable",
            connectTimeout: .milliseconds(200)
        )
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(configuration) }
        #expect(error == .connection("the server did not answer within 0.2 seconds"))
        #expect(ContinuousClock.now - start < .seconds(1))
    }
}
