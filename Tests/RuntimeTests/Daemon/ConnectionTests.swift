import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Runtime

/// Malformed, slow and endless requests.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(3)))
struct ConnectionTests {
    private static func head(_ field: String, token: String? = try? TestToken.text()) -> String {
        """
        POST /triggers/payment.received HTTP/1.1\r
        Host: localhost\r
        Authorization: Bearer \(token ?? "")\r
        Content-Type: application/json\r
        \(field)\r
        \r

        """
    }

    /// Returns the answers to `beginning`, and to `rest`, which is sent after the first answer.
    private static func answer(to beginning: String, then rest: String? = nil, port: Int) async throws -> [String] {
        try await rawConnection(to: port).executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: beginning))
            var answers: [String] = []
            for try await part in inbound {
                answers.append(String(buffer: part))
                guard answers.count == 1, let rest else { break }
                try await outbound.write(ByteBuffer(string: rest))
            }
            return answers
        }
    }

    @Test func answers400ToAMalformedChunkedBody() async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(logger: log.logger) { port in
                let head = Self.head("Transfer-Encoding: chunked")
                let answer = try await Self.answer(to: head + "zz\r\n{}\r\n", port: port).joined()
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
                #expect(answer.contains("malformed_request"), "\(answer)")
                #expect(!log.text.contains("Request failed"), "\(log.text)")
            }
        }
    }

    @Test func answers100ContinueToACallerThatExpectsIt() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon { port in
                let body = #"{"contactId":"1"}"#
                let answers = try await Self.answer(
                    to: Self.head("Content-Length: \(body.utf8.count)\r\nExpect: 100-continue"),
                    then: body,
                    port: port
                )
                #expect(answers.first == "HTTP/1.1 100 Continue\r\n\r\n")
                #expect(answers.last?.hasPrefix("HTTP/1.1 202 ") == true, "\(answers)")
                // The server does not ask for a body that is too large.
                let large = try await Self.answer(
                    to: Self.head("Content-Length: 9999999\r\nExpect: 100-continue"),
                    port: port
                )
                #expect(large.first?.hasPrefix("HTTP/1.1 413 ") == true, "\(large)")
            }
        }
    }

    /// Tests callers with and without a token: after an answer, the rest of the body has the same time limit.
    @Test(arguments: [true, false])
    func closesConnectionsWithAnEndlessBody(isKnown: Bool) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: port).get()
                let head = Self.head("Transfer-Encoding: chunked", token: isKnown ? try TestToken.text() : nil)
                try await channel.writeAndFlush(ByteBuffer(string: head)).get()
                // The daemon closes the connection; nothing here does before the test's time limit.
                await #expect(throws: (any Error).self) {
                    while true {
                        try Task.checkCancellation()
                        try await channel.writeAndFlush(ByteBuffer(string: "1\r\n \r\n")).get()
                    }
                }
                try await channel.closeFuture.get()
            }
        }
    }

    /// The caller asks without end and reads nothing.
    @Test func closesConnectionsWithUnreadAnswers() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: port).get()
                let request = ByteBuffer(string: "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
                // The daemon closes the connection; nothing here does before the test's time limit.
                await #expect(throws: (any Error).self) {
                    while true {
                        try Task.checkCancellation()
                        try await channel.writeAndFlush(request).get()
                    }
                }
                try await channel.closeFuture.get()
            }
        }
    }

    /// The caller reads a large answer in small pieces, for longer than the limit.
    @Test func leavesCallersAloneThatReadSlowly() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(400)) { port in
                let requests = String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", count: 40)
                try await rawConnection(to: port).executeThenClose { inbound, outbound in
                    try await outbound.write(ByteBuffer(string: requests))
                    let start = ContinuousClock.now
                    var bytes = 0
                    for try await part in inbound {
                        bytes += part.readableBytes
                        // The pause is the caller's pace, which is tested here; the test waits for nothing in it.
                        try await Task.sleep(for: .milliseconds(20))
                        if ContinuousClock.now - start > .seconds(1.5) { break }
                    }
                    #expect(ContinuousClock.now - start > .seconds(1.5), "closed after \(bytes) bytes")
                }
            }
        }
    }
}
