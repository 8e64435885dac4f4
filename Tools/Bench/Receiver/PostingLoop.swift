import AsyncHTTPClient
import BenchKit
import Foundation
import NIOCore
import NIOHTTP1
import OneShotHTTP
import Synchronization
import TestBed

/// Floor of delivery: an HTTP client that only posts the same body over as many connections.
struct PostingLoop: Sendable {
    /// HTTP client that posts.
    enum Client: String, Sendable, CaseIterable {
        /// AsyncHTTPClient.
        case general
        /// The client of the daemon.
        case own
    }

    /// Measurements.
    struct Result: Codable, Sendable {
        let count: Int
        let seconds: Double
        let cpuSeconds: Double

        var perSecond: Double { Double(count) / seconds }
    }

    let client: Client
    let url: String
    let body: ByteBuffer
    let connections: Int
    let count: Int

    /// Opens all connections and then measures.
    func run() async throws -> Result {
        switch client {
        case .general:
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.configuration(connections))
            let outcome = await measure { try await postOne(by: client) }
            try await client.shutdown()
            return try outcome.get()
        case .own:
            guard let origin = HTTPOrigin(url: url) else { throw BenchError.wrong("\(url) is no address") }
            let poster = try await HTTPPoster.make(for: origin, configuration: .init(connections: connections))
            let path = URL(string: url)?.path ?? "/"
            let outcome = await measure { try await postOne(by: poster, path: path) }
            await poster.shutdown()
            return try outcome.get()
        }
    }

    private func measure(_ post: @escaping @Sendable () async throws -> Void) async -> Swift.Result<Result, any Error> {
        do {
            try await repeating(connections * 4, post)
            let cpu = ProcessStatistics(of: getpid())?.cpuSeconds ?? 0
            let start = ContinuousClock.now
            try await repeating(count, post)
            let seconds = (ContinuousClock.now - start).inSeconds
            let after = ProcessStatistics(of: getpid())?.cpuSeconds ?? 0
            return .success(Result(count: count, seconds: seconds, cpuSeconds: after - cpu))
        } catch {
            return .failure(error)
        }
    }

    /// Returns the settings of the daemon's client: no retry, no redirects, and idle connections close before servers
    /// close them.
    private static func configuration(_ connections: Int) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: .seconds(30))
        )
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(3)
        configuration.httpVersion = .http1Only
        configuration.tracing.tracer = nil
        return configuration
    }

    private func repeating(_ count: Int, _ post: @escaping @Sendable () async throws -> Void) async throws {
        let tickets = Tickets()
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<connections {
                group.addTask {
                    while tickets.take() < count { try await post() }
                }
            }
        }
    }

    private func postOne(by poster: HTTPPoster, path: String) async throws {
        let headers: HTTPHeaders = ["Authorization": "Bearer token", "Content-Type": "application/json"]
        let outcome = await poster.post(PostRequest(path: path, headers: headers, body: body))
        guard case .answered(let answer) = outcome, answer.status == 200 else {
            throw BenchError.wrong("the receiver answered \(outcome)")
        }
    }

    private func postOne(by client: HTTPClient) async throws {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer token")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(body)
        let response = try await client.execute(request, timeout: .seconds(30))
        _ = try await response.body.collect(upTo: 65_536)
        guard response.status == .ok else { throw BenchError.wrong("the receiver answered \(response.status.code)") }
    }
}

/// A counter shared by tasks.
private final class Tickets: Sendable {
    private let next = Atomic(0)

    func take() -> Int { next.add(1, ordering: .relaxed).oldValue }
}
