import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import OneShotHTTP

/// Requests and their answers, over connections that are kept.
@Suite(.timeLimit(.minutes(3)))
struct HTTPPosterTests {
    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func writesTheRequestAsItIsAndReadsTheAnswer() async throws {
        let reply = "HTTP/1.1 201 Made\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok"
        try await ScriptedServer.withServer(react: { _ in .say(reply) }) { server, port in
            try await withPoster(port: port) { poster in
                let request = PostRequest(
                    path: "/v1/x?y=z",
                    headers: ["Authorization": "Bearer t"],
                    body: ByteBuffer(string: #"{"a":1}"#)
                )
                let answer = await poster.post(request).answer
                #expect(answer?.status == 201)
                #expect(answer?.headers.first(name: "x-a") == "b")
                #expect(answer?.text == "ok")
                #expect(
                    server.requests.map(\.text) == [
                        "POST /v1/x?y=z HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAuthorization: Bearer t\r\n"
                            + "Content-Length: 7\r\n\r\n{\"a\":1}"
                    ]
                )
            }
        }
    }

    @Test(
        arguments: [
            ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"],
            ["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r", "\nab", "cde"],
            ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"],
            ["HTTP/1.1 200 OK\r\ncontent-length:5\r\nConnection: Keep-Alive\r\n\r\nabcde"],
        ]
    )
    func readsAnswersHoweverTheyAreWritten(pieces: [String]) async throws {
        try await ScriptedServer.withServer(react: { _ in .sayInPieces(pieces) }) { server, port in
            try await withPoster(port: port) { poster in
                for _ in 0..<3 {
                    let answer = await poster.post(.small).answer
                    #expect(answer?.text == "abcde")
                }
                #expect(server.accepted == 1, "the connection is used again")
            }
        }
    }

    @Test(
        arguments: [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nabcde",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
            "HTTP/1.1 200 OK\r\n\r\nabcde",
        ]
    )
    func aConnectionThatEndsIsNotUsedAgain(reply: String) async throws {
        try await ScriptedServer.withServer(react: { _ in .sayAndClose(reply) }) { server, port in
            try await withPoster(port: port) { poster in
                for _ in 0..<3 {
                    let answer = await poster.post(.small).answer
                    #expect(answer?.text == "abcde")
                }
                #expect(server.accepted == 3)
            }
        }
    }

    @Test func aLargeAnswerIsCutAndItsConnectionNotUsedAgain() async throws {
        let reply = "HTTP/1.1 413 No\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5_000)
        try await ScriptedServer.withServer(react: { _ in .say(reply) }) { server, port in
            try await withPoster(port: port, largestAnswer: 1_000) { poster in
                for _ in 0..<2 {
                    let answer = await poster.post(.small).answer
                    #expect(answer?.status == 413)
                    #expect(answer?.body.readableBytes == 1_000)
                }
                #expect(server.accepted == 2)
            }
        }
    }

    @Test func eachRequestGetsItsOwnAnswer() async throws {
        try await ScriptedServer.withServer(
            react: { .say("HTTP/1.1 200 OK\r\nContent-Length: \($0.body.utf8.count)\r\n\r\n\($0.body)") }
        ) { server, port in
            try await withPoster(port: port, connections: 8) { poster in
                let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
                    for worker in 0..<32 {
                        group.addTask {
                            var wrong = 0
                            for number in 0..<100 {
                                let body = "\(worker)-\(number)"
                                let request = PostRequest(path: "/", body: ByteBuffer(string: body))
                                if await poster.post(request).answer?.text != body { wrong += 1 }
                            }
                            return wrong
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(wrong == 0)
                #expect(server.requests.count == 3_200)
                #expect(server.mostOpen <= 8)
            }
        }
    }

    @Test func requestsBeyondTheLimitWaitForAConnection() async throws {
        try await ScriptedServer.withServer(react: { $0.body == "slow" ? .nothing : .say(Self.fine) }) { server, port in
            try await withPoster(port: port, connections: 1, loops: .one) { poster in
                async let slow = poster.post(PostRequest(path: "/", body: ByteBuffer(string: "slow")))
                try await eventually("the first is under way") { server.requests.count == 1 }
                async let second = poster.post(.small)
                server.hangUp()
                let (first, next) = await (slow, second)
                #expect(first.lostReason != nil)
                #expect(next.answer?.status == 200)
                #expect(server.mostOpen == 1)
            }
        }
    }

    @Test func aRequestDoesNotWaitForTheAnswerToAnother() async throws {
        try await ScriptedServer.withServer(react: { $0.body == "slow" ? .nothing : .say(Self.fine) }) { server, port in
            try await withPoster(port: port, loops: .one) { poster in
                async let slow = poster.post(PostRequest(path: "/", body: ByteBuffer(string: "slow")))
                try await eventually("the first is under way") { server.requests.count == 1 }
                #expect(await poster.post(.small).answer?.status == 200)
                #expect(server.accepted == 2)
                server.hangUp()
                #expect(await slow.lostReason != nil)
            }
        }
    }

    @Test func idleConnectionsAreClosed() async throws {
        try await ScriptedServer.withServer(react: { _ in .say(Self.fine) }) { server, port in
            try await withPoster(port: port, idleTimeout: .milliseconds(100)) { poster in
                await withDiscardingTaskGroup { group in
                    for _ in 0..<10 { group.addTask { _ = await poster.post(.small) } }
                }
                #expect(server.accepted > 0)
                try await eventually("all are closed") { server.open == 0 }
                #expect(await poster.post(.small).answer?.status == 200)
            }
        }
    }

    @Test func aConnectionThatTheServerClosesMeanwhileLosesNothing() async throws {
        try await ScriptedServer.withServer(react: { _ in .say(Self.fine) }) { server, port in
            try await withPoster(port: port, loops: .one) { poster in
                for closed in 1...3 {
                    #expect(await poster.post(.small).answer?.status == 200)
                    // The answer is here before its connection is free again.
                    try await eventually("the connection is idle") { poster.idleConnections == 1 }
                    if closed == 2 { server.blurt("HTTP/1.1 408 Late\r\n\r\n") } else { server.hangUp() }
                    // A request that meets a connection before it is known to be closed may be lost.
                    try await eventually("both know that it is closed") {
                        server.open == 0 && poster.idleConnections == 0
                    }
                    #expect(server.accepted == closed)
                }
            }
        }
    }

    @Test(arguments: ["/a b", "/a\r\nX: y", "a", "", "/\u{7F}"])
    func aPathThatWouldBreakTheRequestIsNotWritten(path: String) async throws {
        try await withPoster(port: 1) { poster in
            let outcome = await poster.post(PostRequest(path: path, body: ByteBuffer()))
            #expect(outcome.unwrittenReason?.contains("path") == true)
        }
    }

    @Test func aHeaderThatWouldBreakTheRequestIsNotWritten() async throws {
        try await withPoster(port: 1) { poster in
            let request = PostRequest(path: "/", headers: ["Authorization": "a\r\nX: y"], body: ByteBuffer())
            let outcome = await poster.post(request)
            #expect(outcome.unwrittenReason == "the value of Authorization holds a control character")
        }
    }
}
