public import Foundation
package import Hummingbird

/// How applying specs fares; the names of its fields are those of the JSON answer.
public struct SpecsState: Sendable, Codable {
    /// The commit whose specs are in the database; `nil` outside of a repository.
    public var lastAppliedCommit: String?
    public var lastAppliedAt: Date?
    /// The commit that was looked at last.
    public var lastAttemptedCommit: String?
    public var lastAttemptedAt: Date?
    /// Why the last attempt changed nothing; `nil` when all is well.
    public var reason: String?

    public init() {}
}

/// Serves `/healthz` (the process is alive) and `/readyz` (everything it needs is available).
package struct HealthRoutes: Sendable {
    /// Succeeds if a dependency is available; its error is shown as the state of that dependency.
    package typealias Check = @Sendable (_ deadline: ContinuousClock.Instant) async throws -> Void

    private struct Readiness: ResponseEncodable {
        let postgres: String
        let redis: String
        let schema: String
        /// `ok` if the lanes of Redis are those of Postgres, so that the daemon may send from them.
        let epoch: String
        /// A broken commit does not make a daemon unready: it goes on sending what was applied before.
        let specs: SpecsState?

        var isReady: Bool { [postgres, redis, schema, epoch].allSatisfy { $0 == "ok" } }
    }

    /// Time limit of each check, as probes of Kubernetes wait one second by default.
    private static let limit = Duration.milliseconds(900)

    let postgres: Check
    let redis: Check
    let schema: Check
    let epoch: Check
    let specs: (@Sendable () -> SpecsState)?

    package init(
        postgres: @escaping Check,
        redis: @escaping Check,
        schema: @escaping Check,
        epoch: @escaping Check,
        specs: (@Sendable () -> SpecsState)?
    ) {
        self.postgres = postgres
        self.redis = redis
        self.schema = schema
        self.epoch = epoch
        self.specs = specs
    }

    /// Registers both routes.
    package func add(to router: Router<APIContext>) {
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/readyz") { request, context in
            let readiness = await readiness()
            var response = try readiness.response(from: request, context: context)
            response.status = readiness.isReady ? .ok : .serviceUnavailable
            return response
        }
    }

    private func readiness() async -> Readiness {
        async let postgres = state(of: postgres)
        async let redis = state(of: redis)
        async let schema = state(of: schema)
        async let epoch = state(of: epoch)
        return await Readiness(postgres: postgres, redis: redis, schema: schema, epoch: epoch, specs: specs?())
    }

    private func state(of check: @escaping Check) async -> String {
        await withTaskGroup(of: String.self) { group in
            group.addTask {
                do {
                    try await check(.now + Self.limit)
                    return "ok"
                } catch {
                    return "\(error)"
                }
            }
            group.addTask {
                // Ends early only by cancellation, when the check was faster.
                try? await ContinuousClock().sleep(for: Self.limit)
                return "no answer within \(Self.limit / .milliseconds(1)) ms"
            }
            defer { group.cancelAll() }
            return await group.next() ?? ""
        }
    }
}
