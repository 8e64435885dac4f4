import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import Daemon
@testable import Runtime
@testable import Settings

/// HTTPS on the daemon's port.
struct ServerCertificateTests {
    private static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }  // Temporary; the system removes it otherwise.
        try await body(folder)
    }

    /// Sends a request on a new connection that trusts one certificate.
    private static func status(
        _ address: String,
        trusting certificate: TestCertificate,
        newest: TLSVersion? = nil
    ) async throws -> UInt {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(certificate.chain.utf8)))
        tls.maximumTLSVersion = newest
        tls.minimumTLSVersion = newest ?? .tlsv12
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let result: Result<UInt, any Error>
        do {
            let response = try await client.execute(HTTPClientRequest(url: address), timeout: .seconds(10))
            result = .success(UInt(response.status.code))
        } catch {
            result = .failure(error)
        }
        try await client.shutdown()
        return try result.get()
    }

    @Test(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(3)))
    func servesHTTPSAndRenewsTheCertificateWithoutARestart() async throws {
        try await Self.withFolder { folder in
            let first = try TestCertificate()
            try first.write(to: folder)
            var certificate = try #require(
                try ServerCertificate.read(
                    Variables([
                        "TLS_CERTIFICATE_FILE": folder.appending(path: "chain.pem").path,
                        "TLS_PRIVATE_KEY_FILE": folder.appending(path: "key.pem").path,
                    ])
                )
            )
            certificate.refreshInterval = .milliseconds(20)
            let log = LogCollector()
            try await DeliveryFixture.with(contacts: 1) { fixture in
                try await fixture.withDaemon(certificate: certificate, logger: log.logger) { port in
                    let address = "https://localhost:\(port)/readyz"
                    #expect(try await Self.status(address, trusting: first) == 200)
                    await #expect(throws: (any Error).self, "TLS 1.1 is over") {
                        try await Self.status(address, trusting: first, newest: .tlsv11)
                    }
                    await #expect(throws: (any Error).self, "the port speaks no plain HTTP") {
                        try await Self.status("http://localhost:\(port)/readyz", trusting: first)
                    }

                    // Half a renewal changes nothing: certificate and key must belong together.
                    let second = try TestCertificate()
                    try Data(second.key.utf8).write(to: folder.appending(path: "key.pem"), options: .atomic)
                    try await eventually("the odd pair is seen") {
                        log.text.contains("Could not reload the TLS certificate")
                    }
                    #expect(try await Self.status(address, trusting: first) == 200)

                    try second.write(to: folder)
                    try await eventually("the new certificate is shown") {
                        (try? await Self.status(address, trusting: second)) == 200
                    }
                    await #expect(throws: (any Error).self) { try await Self.status(address, trusting: first) }
                    #expect(log.text.contains("TLS certificate reloaded"))
                }
            }
        }
    }

    @Test(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(3)))
    func readsTheCertificateAtOnceWhenItIsAskedTo() async throws {
        try await Self.withFolder { folder in
            try TestCertificate().write(to: folder)
            let certificate = ServerCertificate(
                chainPath: folder.appending(path: "chain.pem").path,
                keyPath: folder.appending(path: "key.pem").path,
                refreshInterval: .seconds(3_600)
            )
            let (reloads, hangup) = AsyncStream<Void>.makeStream()
            let log = LogCollector()
            try await DeliveryFixture.with(contacts: 1) { fixture in
                try await fixture.withDaemon(certificate: certificate, reloads: reloads, logger: log.logger) { port in
                    let second = try TestCertificate()
                    try second.write(to: folder)
                    hangup.yield()
                    try await eventually("the new certificate is shown") {
                        (try? await Self.status("https://localhost:\(port)/readyz", trusting: second)) == 200
                    }
                    try FileManager.default.removeItem(at: folder.appending(path: "key.pem"))
                    hangup.yield()
                    try await eventually("the former one stays") { log.text.contains("its former value stays") }
                    let status = try await Self.status("https://localhost:\(port)/readyz", trusting: second)
                    #expect(status == 200)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(3))) func readsTheFilesOutsideOfTheCooperativePool() async throws {
        try await Self.withFolder { folder in
            try TestCertificate().write(to: folder)
            let certificate = ServerCertificate(
                chainPath: folder.appending(path: "chain.pem").path,
                keyPath: folder.appending(path: "key.pem").path,
                refreshInterval: .milliseconds(5)
            )
            let (readings, isTask) = AsyncStream<Bool>.makeStream()
            let logger = Logger(label: "test") { _ in TaskWitness(isTask: isTask) }
            let renewal = try certificate.renewal(logger: logger)
            // A missing file is logged by the thread that reads it.
            try FileManager.default.removeItem(at: folder.appending(path: "key.pem"))
            await withDiscardingTaskGroup { group in
                group.addTask { await renewal.run() }
                #expect(await readings.first { _ in true } == false)
                group.cancelAll()
            }
        }
    }

    /// Records for each line whether a task wrote it.
    private struct TaskWitness: LogHandler {
        let isTask: AsyncStream<Bool>.Continuation
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            isTask.yield(withUnsafeCurrentTask { $0 != nil })
        }
    }

    /// Before a request, within its head and within its body; with TLS, before the handshake.
    @Test(
        .enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable),
        .timeLimit(.minutes(3)),
        arguments: [false, true]
    )
    func closesIdleConnections(isTLS: Bool) async throws {
        try await Self.withFolder { folder in
            try TestCertificate().write(to: folder)
            let certificate = ServerCertificate(
                chainPath: folder.appending(path: "chain.pem").path,
                keyPath: folder.appending(path: "key.pem").path
            )
            try await DeliveryFixture.with(contacts: 1) { fixture in
                try await fixture.withDaemon(
                    certificate: isTLS ? certificate : nil,
                    idleTimeout: .milliseconds(200)
                ) { port in
                    let head = "POST /webhooks/whatsapp HTTP/1.1\r\nHost: localhost\r\n"
                    let beginnings = isTLS ? [""] : ["", head, head + "Content-Length: 9\r\n\r\n{"]
                    for beginning in beginnings {
                        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                            .connect(host: "127.0.0.1", port: port).get()
                        try await channel.writeAndFlush(ByteBuffer(string: beginning)).get()
                        // The daemon closes the connection; nothing here does before the test's time limit.
                        try await channel.closeFuture.get()
                    }
                }
            }
        }
    }

    @Test func namesTheMissingFileOfAPair() throws {
        for (given, missing) in [
            ("TLS_CERTIFICATE_FILE", "TLS_PRIVATE_KEY_FILE"), ("TLS_PRIVATE_KEY_FILE", "TLS_CERTIFICATE_FILE"),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try ServerCertificate.read(Variables([given: "/etc/hosts"]))
            }
            #expect(error?.description.hasPrefix("\(missing) is not set; example: \(missing)=/") == true)
        }
        #expect(try ServerCertificate.read(Variables([:])) == nil)
    }

    @Test func refusesUnusableFiles() async throws {
        try await Self.withFolder { folder in
            let one = try TestCertificate()
            let other = try TestCertificate()
            try one.write(to: folder)
            let chain = folder.appending(path: "chain.pem").path
            let key = folder.appending(path: "key.pem").path
            func problem() -> String? {
                let files = ["TLS_CERTIFICATE_FILE": chain, "TLS_PRIVATE_KEY_FILE": key]
                let error = #expect(throws: ConfigurationError.self) { try ServerCertificate.read(Variables(files)) }
                return error?.description
            }
            try Data(other.key.utf8).write(to: URL(filePath: key))
            #expect(problem()?.contains("does not match") == true)
            try Data("no PEM".utf8).write(to: URL(filePath: key))
            #expect(problem()?.contains("PEM") == true)
            try FileManager.default.removeItem(atPath: key)
            #expect(problem() == "TLS_PRIVATE_KEY_FILE: `\(key)` cannot be read")
            try Data(one.key.utf8).write(to: URL(filePath: key))
            try Data().write(to: URL(filePath: chain))
            #expect(problem()?.contains("TLS_CERTIFICATE_FILE") == true)
        }
    }
}
