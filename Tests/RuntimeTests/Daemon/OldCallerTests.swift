import Foundation
import NIOCore
import Store
import TestSupport
import Testing

@testable import Runtime

/// Callers of HTTP/1.0, and requests without a valid `Host`.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable), .timeLimit(.minutes(3)))
struct OldCallerTests {
    /// Returns everything that the daemon sends until it closes the connection.
    private static func talk(_ text: String, port: Int) async throws -> String {
        try await rawConnection(to: port).executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    private static func answers(in text: String) -> Int { text.components(separatedBy: "HTTP/1.").count - 1 }

    @Test(arguments: [
        (head: "GET /healthz HTTP/1.1", status: 400), ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nhost: a", 400), ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b", 400),
        ("GET /healthz HTTP/1.0", 200), ("GET /healthz HTTP/1.1\r\nHost: a", 200),
        ("GET /healthz HTTP/1.1\r\nHost:", 200), ("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close", 200),
    ])
    func requiresOneHost(request: (head: String, status: Int)) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let answer = try await Self.talk(request.head + "\r\n\r\n", port: port)
                #expect(answer.hasPrefix("HTTP/1."), "\(answer)")
                #expect(answer.dropFirst(9).prefix(4) == "\(request.status) ", "\(answer)")
                #expect(Self.answers(in: answer) == 1, "\(answer)")
            }
        }
    }

    @Test func answersNothingAfterAnInvalidRequest() async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let good = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                let answer = try await Self.talk(good + "GET /healthz HTTP/1.1\r\n\r\n" + good, port: port)
                #expect(Self.answers(in: answer) == 2, "\(answer)")
                #expect(answer.contains("HTTP/1.1 200 ") && answer.contains("HTTP/1.1 400 "), "\(answer)")
            }
        }
    }

    /// This includes a caller that asks to keep the connection, because the server may close it anyway.
    @Test(arguments: ["", "Connection: keep-alive\r\n"])
    func closesTheConnectionAfterAnAnswerToHTTP10(field: String) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let answer = try await Self.talk(
                    String(repeating: "GET /healthz HTTP/1.0\r\n\(field)\r\n", count: 2),
                    port: port
                )
                #expect(answer.hasPrefix("HTTP/1.0 200 "), "\(answer)")
                #expect(answer.lowercased().contains("connection: close\r\n"), "\(answer)")
                #expect(Self.answers(in: answer) == 1, "\(answer)")
            }
        }
    }

    /// The answer has no length when it begins; callers of HTTP/1.1 get it chunked.
    @Test func sendsNoChunksToHTTP10() async throws {
        try await DeliveryFixture.with(contacts: 3) { fixture in
            let run = try await fixture.launch()
            let campaign = try await fixture.run(run).campaignID.uuidString
            try await fixture.withDaemon(idleTimeout: .seconds(1)) { port in
                let request = "GET /campaigns/\(campaign)/messages?format=csv"
                let fields = "Host: a\r\nAuthorization: Bearer \(try TestToken.text())\r\nConnection: close\r\n\r\n"
                let new = try await Self.talk("\(request) HTTP/1.1\r\n\(fields)", port: port)
                #expect(new.contains("200 OK") && new.contains("transfer-encoding: chunked"), "\(new)")
                let old = try await Self.talk("\(request) HTTP/1.0\r\n\(fields)", port: port)
                #expect(old.hasPrefix("HTTP/1.0 200 OK") && !old.contains("transfer-encoding"), "\(old)")
                let body = try #require(old.components(separatedBy: "\r\n\r\n").last)
                #expect(body.split(separator: "\r\n").count == 4 && !body.hasPrefix("\r\n"), "\(old)")
            }
        }
    }

    @Test(arguments: ["close", "Close", "TE, close"])
    func closesTheConnectionOnRequest(option: String) async throws {
        try await DeliveryFixture.with(contacts: 1) { fixture in
            try await fixture.withDaemon(idleTimeout: .milliseconds(300)) { port in
                let request = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: \(option)\r\n\r\n"
                let answer = try await Self.talk(request + request, port: port)
                #expect(Self.answers(in: answer) == 1, "\(answer)")
            }
        }
    }
}
