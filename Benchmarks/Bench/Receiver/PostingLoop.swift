import AsyncHTTPClient
import BenchKit
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// The floor of delivery: the daemon's HTTP client, posting the same body over as many connections, and nothing else.
struct PostingLoop: Sendable {
    /// What it took.
    struct Result: Codable, Sendable {
        let count: Int
        let seconds: Double
        let cpuSeconds: Double
    }

    let url: String
    let body: ByteBuffer
    let connections: Int
    let count: Int

    /// Opens all connections, and then measures.
    func run() async throws -> Result {
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.configuration(connections))
        let outcome: Swift.Result<Result, any Error>
        do {
            try await post(connections * 4, by: client)
            let cpu = ProcessStatistics(of: getpid())?.cpuSeconds ?? 0
            let start = ContinuousClock.now
            try await post(count, by: client)
            let seconds = (ContinuousClock.now - start).inSeconds
            let after = ProcessStatistics(of: getpid())?.cpuSeconds ?? 0
            outcome = .success(Result(count: count, seconds: seconds, cpuSeconds: after - cpu))
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        return try outcome.get()
    }

    /// As the daemon sets it up.
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

    private func post(_ count: Int, by client: HTTPClient) async throws {
        let tickets = Tickets()
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<connections {
                group.addTask {
                    while tickets.take() < count { try await postOne(by: client) }
                }
            }
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

/// Numbers from 0 on, each given out once.
private final class Tickets: Sendable {
    private let next = Atomic(0)

    func take() -> Int { next.add(1, ordering: .relaxed).oldValue }
}
