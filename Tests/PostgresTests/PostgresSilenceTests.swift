import Glibc
import Postgres
import Testing

/// A server that is there but says nothing: no call may take longer than its deadline and the cancel's grace.
@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresSilenceTests {
    @Test func connectingEndsWhenTheServerIsSilent() async throws {
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

    /// A socket whose kernel takes connections that no program ever answers.
    struct SilentServer {
        let port: UInt16
        private let descriptor: Int32

        init() throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let (fd, size) = (descriptor, length)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(fd, pointer, size) == 0 && listen(fd, 8) == 0 && getsockname(fd, pointer, &length) == 0
                }
            }
            try #require(bound)
            port = UInt16(bigEndian: address.sin_port)
        }

        func stop() {
            close(descriptor)
        }
    }
}
