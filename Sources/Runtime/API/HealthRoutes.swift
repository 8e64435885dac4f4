import Foundation
import Hummingbird
import Postgres
import Redis
import Store

/// `/healthz` says that the process lives; `/readyz` that it has all it needs.
struct HealthRoutes: Sendable {
    private struct Readiness: ResponseEncodable {
        let postgres: String
        let redis: String
        let schema: String
        /// Whether the lanes of Redis are those of Postgres, so that they may be sent from.
        let epoch: String
        /// How applying the specs fares; a broken commit is no reason not to send what was applied before.
        let specs: DaemonCompanion.State?

        var isReady: Bool { [postgres, redis, schema, epoch].allSatisfy { $0 == "ok" } }
    }

    /// How long each of them may take: the probes of Kubernetes wait for a second, unless they are told otherwise.
    private static let limit = Duration.milliseconds(900)

    let pool: PostgresPool
    let redis: RedisClient
    let migrator: Migrator
    let workers: LaneDirectory?
    let specs: (@Sendable () -> DaemonCompanion.State)?

    func add(to router: Router<APIContext>) {
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { request, context in
            let readiness = await readiness()
            var response = try readiness.response(from: request, context: context)
            response.status = readiness.isReady ? .ok : .serviceUnavailable
            return response
        }
    }

    private func readiness() async -> Readiness {
        let deadline = ContinuousClock.now + Self.limit
        async let postgres = state { _ = try await pool.query("SELECT 1", deadline: Self.limit) }
        async let redis = state { _ = try await self.redis.send(RedisCommand("PING"), deadline: deadline) }
        async let schema = state {
            let missing = try await migrator.pending()
            if !missing.isEmpty { throw SchemaError.outdated(missing: missing.count) }
        }
        async let epoch = state {
            let count = try await workers?.outdated(on: self.redis, deadline: deadline) ?? 0
            if count > 0 { throw LaneError.outdated(count) }
        }
        return await Readiness(postgres: postgres, redis: redis, schema: schema, epoch: epoch, specs: specs?())
    }

    private func state(_ check: @escaping @Sendable () async throws -> Void) async -> String {
        await withTaskGroup(of: String.self) { group in
            group.addTask {
                do {
                    try await check()
                    return "ok"
                } catch {
                    return "\(error)"
                }
            }
            group.addTask {
                // Ends early by cancellation only, when the check was faster.
                try? await ContinuousClock().sleep(for: Self.limit)
                return "no answer within \(Self.limit.milliseconds) ms"
            }
            defer { group.cancelAll() }
            return await group.next() ?? ""
        }
    }
}

/// Why nothing can be sent from lanes.
private enum LaneError: Error, CustomStringConvertible {
    case outdated(Int)

    var description: String {
        switch self {
        case .outdated(let count): "\(count) \(count == 1 ? "lane is" : "lanes are") being rebuilt from Postgres"
        }
    }
}
