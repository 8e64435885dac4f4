import NIOCore
import NIOHTTP1
import NIOSSL
import OneShotHTTP
import TestSupport
import Testing

/// Outcomes of requests without an answer: a request that may have been read is never reported as not written.
@Suite(.timeLimit(.minutes(3)))
struct PostOutcomeTests {
    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    private func expectNotWritten(_ outcome: PostOutcome, _ part: String, at place: SourceLocation = #_sourceLocation) {
        #expect(outcome.unwrittenReason?.contains(part) == true, "\(outcome)", sourceLocation: place)
    }

    private func expectLost(_ outcome: PostOutcome, _ part: String, at place: SourceLocation = #_sourceLocation) {
        #expect(outcome.lostReason?.contains(part) == true, "\(outcome)", sourceLocation: place)
    }

    @Test func aRefusalThatIsCutOffCountsByItsStatus() async throws {
        func outcome(of answer: String) async throws -> PostOutcome {
            var outcome = PostOutcome.expired
            try await ScriptedServer.withServer(react: { _ in .sayAndClose(answer) }) { _, port in
                try await withPoster(port: port) { outcome = await $0.post(.small) }
            }
            return outcome
        }
        for status in [400, 401, 429] {
            let head = "HTTP/1.1 \(status) No\r\nRetry-After: 7\r\nContent-Length: 500\r\n\r\n"
            let answer = try await outcome(of: head + "{\"err").answer
            #expect(answer?.status == status)
            #expect(answer?.text == "{\"err")
            #expect(answer?.headers.first(name: "Retry-After") == "7")
        }
        // These may have been carried out.
        for status in [200, 500, 502] {
            expectLost(try await outcome(of: "HTTP/1.1 \(status) X\r\nContent-Length: 500\r\n\r\n{"), "no answer")
        }
    }

    // MARK: Not written

    @Test func theConnectionIsRefused() async throws {
        try await withPoster(port: 1, connections: 1, loops: .one) { poster in
            let outcomes = await withTaskGroup(of: PostOutcome.self) { group in
                for _ in 0..<5 { group.addTask { await poster.post(.small) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for outcome in outcomes { expectNotWritten(outcome, "cannot connect to 127.0.0.1:1: connection refused") }
        }
    }

    @Test func theNameIsUnknown() async throws {
        try await withPoster(host: "no.such.host.invalid", port: 80) { poster in
            expectNotWritten(await poster.post(.small), "no.such.host.invalid:80: the name has no address")
        }
    }

    @Test func theOtherSideDoesNotSpeakTLS() async throws {
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port, scheme: "https", connectTimeout: .milliseconds(300)) { poster in
                // The server waits for a request that never comes.
                expectNotWritten(await poster.post(.small), "no connection within 0.3 seconds")
                server.blurt("what?")
                try await eventually("it is closed") { server.open == 0 }
            }
        }
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port, scheme: "https") { poster in
                async let outcome = poster.post(.small)
                try await eventually("it is connected") { server.open == 1 }
                server.blurt("HTTP/1.1 400 Bad Request\r\n\r\n")
                expectNotWritten(await outcome, "TLS")
            }
        }
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port, scheme: "https") { poster in
                async let outcome = poster.post(.small)
                try await eventually("it is connected") { server.open == 1 }
                server.hangUp()
                expectNotWritten(await outcome, "cannot connect to 127.0.0.1:\(port)")
            }
        }
    }

    @Test func aServerThatIsNotTrustedIsNotWrittenTo() async throws {
        let certificate = try TestCertificate()
        let context = try certificate.serverContext()
        try await ScriptedServer.withServer(tls: context, react: { _ in .say(Self.fine) }) { server, port in
            var tls = TLSConfiguration.makeClientConfiguration()
            try await withPoster(host: "localhost", port: port, scheme: "https", tls: tls) { poster in
                expectNotWritten(await poster.post(.small), "TLS")
            }
            tls.trustRoots = .certificates(try certificate.roots)
            try await withPoster(port: port, scheme: "https", tls: tls) { poster in
                expectNotWritten(await poster.post(.small), "TLS")
            }
            #expect(server.requests.isEmpty)
            try await withPoster(host: "localhost", port: port, scheme: "https", tls: tls, loops: .one) { poster in
                for _ in 0..<3 { #expect(await poster.post(.small).answer?.status == 200) }
            }
            #expect(server.requests.map(\.connection).allSatisfy { $0 == server.requests[0].connection })
        }
    }

    @Test func openingTakesLongerThanTheRequestMay() async throws {
        try await ScriptedServer.withServer(react: { _ in .nothing }) { _, port in
            try await withPoster(port: port, scheme: "https", requestTimeout: .milliseconds(200)) { poster in
                expectNotWritten(await poster.post(.small), "no connection was free within 0.2 seconds")
            }
        }
    }

    // MARK: Lost

    @Test(
        arguments: [
            .close, .sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), .sayAndClose("HTTP/1.1 2"),
            .say("what?\r\n\r\n"), .say("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        ] as [ScriptedServer.Reaction]
    )
    func theAnswerIsNotWhole(reaction: ScriptedServer.Reaction) async throws {
        try await ScriptedServer.withServer(react: { $0.number == 0 ? reaction : .say(Self.fine) }) { server, port in
            try await withPoster(port: port, loops: .one) { poster in
                expectLost(await poster.post(.small), "no answer")
                #expect(await poster.post(.small).answer?.status == 200)
                #expect(server.accepted == 2)
            }
        }
    }

    /// The head says that the request was refused; the rest does not change that.
    @Test(arguments: [400, 404, 408, 429])
    func aRefusalCountsAlthoughItsBodyIsCutOff(status: Int) async throws {
        let cutOff = "HTTP/1.1 \(status) No\r\nContent-Length: 50\r\n\r\n{\"error\""
        try await ScriptedServer.withServer(
            react: { $0.number == 0 ? .sayAndClose(cutOff) : .say(Self.fine) }
        ) { server, port in
            try await withPoster(port: port, loops: .one) { poster in
                let answer = await poster.post(.small).answer
                #expect(answer?.status == status && answer?.isWhole == false)
                #expect(answer?.text == "{\"error\"")
                #expect(await poster.post(.small).answer?.isWhole == true)
                #expect(server.accepted == 2)
            }
        }
    }

    @Test func theAnswerTakesTooLong() async throws {
        try await ScriptedServer.withServer(react: { $0.number == 0 ? .nothing : .say(Self.fine) }) { server, port in
            try await withPoster(port: port, requestTimeout: .milliseconds(200), loops: .one) { poster in
                let start = ContinuousClock.now
                expectLost(await poster.post(.small), "no answer within 0.2 seconds")
                #expect(ContinuousClock.now - start >= .milliseconds(200))
                try await eventually("its connection is closed") { server.open == 0 }
                #expect(await poster.post(.small).answer?.status == 200)
            }
        }
    }

    @Test func theCallerIsCancelled() async throws {
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port, connections: 1, loops: .one) { poster in
                try await withThrowingTaskGroup(of: PostOutcome.self) { group in
                    group.addTask { await poster.post(.small) }
                    try await eventually("it is under way") { server.requests.count == 1 }
                    group.addTask { await poster.post(.small) }
                    group.cancelAll()
                    group.addTask { await poster.post(.small) }
                    var outcomes: [PostOutcome] = []
                    for try await outcome in group { outcomes.append(outcome) }
                    let lost = outcomes.filter { $0.lostReason == "cancelled" }
                    let unwritten = outcomes.filter { $0.unwrittenReason == "cancelled" }
                    #expect((lost.count, unwritten.count) == (1, 2))
                }
                try await eventually("its connection is closed") { server.open == 0 }
            }
        }
    }

    @Test func theClientIsShutDown() async throws {
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port) { poster in
                async let outcome = poster.post(.small)
                try await eventually("it is under way") { server.requests.count == 1 }
                await poster.shutdown()
                expectLost(await outcome, "shut down")
                expectNotWritten(await poster.post(.small), "shut down")
                try await eventually("its connection is closed") { server.open == 0 }
            }
        }
    }
}
