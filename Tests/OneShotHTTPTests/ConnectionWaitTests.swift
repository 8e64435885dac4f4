import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import OneShotHTTP

/// Requests that may not be written late, and connections that are opened before they are needed.
@Suite(.timeLimit(.minutes(3)))
struct ConnectionWaitTests {
    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func aRequestIsNotWrittenAfterItsDeadline() async throws {
        try await ScriptedServer.withServer(react: { $0.body == "slow" ? .nothing : .say(Self.fine) }) { server, port in
            try await withPoster(port: port, connections: 1, loops: .one) { poster in
                async let slow = poster.post(PostRequest(path: "/", body: ByteBuffer(string: "slow")))
                try await eventually("the first is under way") { server.requests.count == 1 }
                let start = ContinuousClock.now
                let late = await poster.post(.small, waitingFor: .milliseconds(50))
                #expect(late.isExpired)
                #expect(ContinuousClock.now - start >= .milliseconds(50))
                // A request with a later deadline keeps its place.
                async let patient = poster.post(.small, waitingFor: .seconds(30))
                let again = await poster.post(.small, waitingFor: .milliseconds(50))
                #expect(again.isExpired)
                server.hangUp()
                let (first, second) = await (slow, patient)
                #expect(first.lostReason != nil)
                #expect(second.answer?.status == 200)
                #expect(server.requests.count == 2, "the late ones were not written")
                #expect(await poster.post(.small, waitingFor: .zero - .milliseconds(1)).isExpired)
            }
        }
    }

    /// If requests only timed out, an unreachable server would go unnoticed.
    @Test func anExpiredRequestIsToldThatNoConnectionOpens() async throws {
        // TLS gets no answer.
        try await ScriptedServer.withServer(react: { _ in .nothing }) { _, port in
            let timeout = Duration.milliseconds(200)
            try await withPoster(port: port, scheme: "https", connectTimeout: timeout, loops: .one) { poster in
                #expect(await poster.post(.small, waitingFor: .milliseconds(10)).isExpired)
                try await eventually("the reason is known") {
                    let outcome = await poster.post(.small, waitingFor: .milliseconds(10))
                    guard let reason = outcome.unwrittenReason else { return false }
                    return reason.contains("no connection within 0.2 seconds")
                }
            }
        }
    }

    @Test func connectionsAreOpenedAheadUntilTheyOpenAtOnce() async throws {
        try await ScriptedServer.withServer(react: { _ in .say(Self.fine) }) { server, port in
            try await withPoster(port: port, connections: 8, loops: .one) { poster in
                #expect(poster.expectedWait == .milliseconds(250))
                poster.prepare(for: 3)
                try await eventually("they are open") { server.open == 3 }
                try await eventually("a request needs not wait") { poster.expectedWait == .zero }
                #expect(await poster.post(.small).answer?.status == 200)
                #expect(server.accepted == 3)
            }
        }
    }

    @Test func openingAheadRespectsTheMaximum() async throws {
        // TLS gets no answer, so they stay half open.
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port, scheme: "https", connections: 4, loops: .one) { poster in
                poster.prepare(for: 3)
                poster.prepare(for: 100)
                try await eventually("they are there") { server.open == 4 }
                #expect(await poster.post(.small, waitingFor: .milliseconds(50)).isExpired)
                #expect(server.accepted == 4)
            }
        }
    }

    @Test func theShortestOfTheLastOpeningsIsExpectedAndAQuarterMore() {
        var time = OpeningTime()
        #expect(time.expected == .milliseconds(250))
        time.note(.milliseconds(400))
        #expect(time.expected == .milliseconds(500))
        time.note(.milliseconds(200))
        #expect(time.expected == .milliseconds(250))
        for _ in 0..<8 { time.note(.milliseconds(800)) }
        #expect(time.expected == .seconds(1))
        time.note(.milliseconds(9))
        #expect(time.expected == .zero)
    }
}

extension PostOutcome {
    fileprivate var isExpired: Bool { if case .expired = self { true } else { false } }
}
