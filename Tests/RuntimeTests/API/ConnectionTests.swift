import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Runtime

/// Callers that speak HTTP in odd ways, or hardly at all.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(1)))
struct ConnectionTests {
    private static func head(_ field: String, token: String? = try? APIFixture.token()) -> String {
        """
        POST /triggers/payment.received HTTP/1.1\r
        Host: localhost\r
        Authorization: Bearer \(token ?? "")\r
        Content-Type: application/json\r
        \(field)\r
        \r

        """
    }

    /// What the daemon answers to a beginning, and to what follows once it has said something.
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

    @Test func aBodyInPiecesThatAreNoneIsTheCallersMistake() async throws {
        let log = LogCollector()
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(logger: log.logger) { port in
                let head = Self.head("Transfer-Encoding: chunked")
                let answer = try await Self.answer(to: head + "zz\r\n{}\r\n", port: port).joined()
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
                #expect(answer.contains("malformed_request"), "\(answer)")
                #expect(!log.text.contains("A request failed"), "\(log.text)")
            }
        }
    }

    @Test func whoWaitsWithTheBodyIsToldToSendIt() async throws {
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
                // Nobody is asked for more than anybody may send.
                let large = try await Self.answer(
                    to: Self.head("Content-Length: 9999999\r\nExpect: 100-continue"),
                    port: port
                )
                #expect(large.first?.hasPrefix("HTTP/1.1 413 ") == true, "\(large)")
            }
        }
    }

    /// With a token and without one: what was answered already is read no longer either.
    @Test(arguments: [true, false])
    func aBodyThatNeverEndsIsReadForSoLongOnly(isKnown: Bool) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: port).get()
                let head = Self.head("Transfer-Encoding: chunked", token: isKnown ? try APIFixture.token() : nil)
                try await channel.writeAndFlush(ByteBuffer(string: head)).get()
                // By the daemon: the test's own limit is all that would end it here.
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
}
