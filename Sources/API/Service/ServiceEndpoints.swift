public import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Prometheus
import Spec
package import Store

/// The state of continuous reconciling, with the field names of the JSON answer.
public struct SpecsState: Sendable, Codable {
    /// The commit of the applied specs; `nil` outside of a git repository.
    public var lastAppliedCommit: String?
    public var lastAppliedAt: Date?
    /// The commit that was read last.
    public var lastAttemptedCommit: String?
    public var lastAttemptedAt: Date?
    /// The reason why the last attempt applied nothing; `nil` after a success.
    public var reason: String?

    public init() {}
}

/// A lane that cannot send, for `/readyz`.
package struct WaitingLane: Sendable, Encodable {
    let tenant: String
    let sender: String
    let reason: String
    let since: Date
    let until: Date?

    /// - Returns: `nil` for a lane that sends.
    package init?(tenant: String, sender: String, _ waiting: Waiting) {
        guard !waiting.isMoving else { return nil }
        (self.tenant, self.sender, reason) = (tenant, sender, waiting.reason.rawValue)
        (since, until) = (waiting.since, waiting.until)
    }
}

/// An account at WhatsApp that cannot be read, or whose number WhatsApp has marked, for `/readyz`.
package struct DegradedAccount: Sendable, Encodable {
    let tenant: String
    let account: String
    let reason: String

    package init(_ trouble: AccountViewRepository.Trouble) {
        (tenant, account, reason) = (trouble.tenantID, trouble.account, trouble.reason)
    }
}

/// Serves `/healthz` (the process is alive), `/readyz` (all dependencies are available) and `/metrics`.
package struct ServiceEndpoints: Sendable {
    /// Succeeds if a dependency is available; its error is shown as the state of that dependency.
    package typealias Check = @Sendable (_ deadline: ContinuousClock.Instant) async throws -> Void

    /// The checks of `/readyz`.
    package struct Checks: Sendable {
        let postgres: Check
        let redis: Check
        let schema: Check
        /// Checks that the lanes in Redis belong to this Postgres, so that the daemon may send from them.
        let epoch: Check

        package init(
            postgres: @escaping Check,
            redis: @escaping Check,
            schema: @escaping Check,
            epoch: @escaping Check
        ) {
            (self.postgres, self.redis, self.schema, self.epoch) = (postgres, redis, schema, epoch)
        }
    }

    private struct Readiness: ResponseEncodable {
        let postgres: String
        let redis: String
        let schema: String
        let epoch: String
        /// Does not affect readiness: after a broken commit the daemon still sends what was applied before.
        let specs: SpecsState?
        /// Does not affect readiness either: another daemon would wait as well.
        let waiting: [WaitingLane]?
        /// Nor does this: it is about tenants.
        let accounts: [DegradedAccount]?
        /// Nor does this: nothing is lost before the memory of Redis is full.
        let evicting: [String]?

        var isReady: Bool { [postgres, redis, schema, epoch].allSatisfy { $0 == "ok" } }
    }

    /// The most lanes that the answer lists.
    private static let mostLanes = 100
    /// The most accounts that the answer lists.
    package static let mostAccounts = 20
    /// Time limit of each check, as probes of Kubernetes wait one second by default.
    private static let limit = Duration.milliseconds(900)

    let checks: Checks
    let specs: (@Sendable () -> SpecsState)?
    let metrics: @Sendable () async -> String
    let waiting: @Sendable () -> [WaitingLane]
    let evicting: @Sendable () -> [String]
    let accounts: @Sendable () async throws -> [DegradedAccount]

    /// - Parameters:
    ///   - checks: The checks of `/readyz`.
    ///   - specs: Reads the state of continuous reconciling; `nil` if this daemon does not reconcile.
    ///   - metrics: Renders all metrics in the text format of Prometheus.
    ///   - waiting: The lanes that cannot send.
    ///   - evicting: The servers of Redis that may discard keys, each with its policy.
    ///   - accounts: The accounts with troubles; an error is as good as none, because Postgres has a check of its own.
    package init(
        checks: Checks,
        specs: (@Sendable () -> SpecsState)?,
        metrics: @escaping @Sendable () async -> String,
        waiting: @escaping @Sendable () -> [WaitingLane] = { [] },
        evicting: @escaping @Sendable () -> [String] = { [] },
        accounts: @escaping @Sendable () async throws -> [DegradedAccount] = { [] }
    ) {
        (self.checks, self.specs, self.metrics, self.waiting) = (checks, specs, metrics, waiting)
        (self.evicting, self.accounts) = (evicting, accounts)
    }

    var all: [Endpoint] { [liveness, readinessEndpoint, metricsEndpoint] }

    /// Makes the endpoint of the OpenAPI document, which describes this endpoint too.
    static func description(of endpoints: [Endpoint]) -> Endpoint {
        func endpoint(_ text: String) -> Endpoint {
            // All answers share one buffer: callers that are slow to read must not each hold a copy.
            let body = ByteBuffer(string: text)
            return Endpoint(
                method: .get,
                path: "/openapi.json",
                name: "getDescription",
                tag: "service",
                summary: "Get this document",
                access: .open,
                responses: [
                    .json(.ok, "The OpenAPI document.", .map(.any, keys: 0...100), example: ["openapi": "3.1.0"])
                ],
                handle: .raw { _, _ in
                    Response(
                        status: .ok,
                        headers: [.contentType: "application/json"],
                        body: .init(byteBuffer: body)
                    )
                }
            )
        }
        return endpoint(OpenAPIDocument(endpoints: endpoints + [endpoint("")]).json.canonicalText)
    }

    private var liveness: Endpoint {
        Endpoint(
            method: .get,
            path: "/healthz",
            name: "isAlive",
            tag: "service",
            summary: "Check that the process is alive",
            access: .open,
            responses: [.plain("The process is alive.", example: "ok\n")],
            handle: .raw { request, context in "ok\n".response(from: request, context: context) }
        )
    }

    private var readinessEndpoint: Endpoint {
        Endpoint(
            method: .get,
            path: "/readyz",
            name: "isReady",
            tag: "service",
            summary: "Check that all dependencies of the daemon are available",
            access: .open,
            responses: [
                .json(.ok, "All are available.", .object(Self.readinessShape), example: Self.readyExample),
                .json(
                    .serviceUnavailable,
                    "A dependency is unavailable.",
                    .object(Self.readinessShape),
                    example: Self.readyExample
                ),
            ],
            handle: .raw { request, context in
                let readiness = await readiness()
                var response = try readiness.response(from: request, context: context)
                response.status = readiness.isReady ? .ok : .serviceUnavailable
                return response
            }
        )
    }

    private var metricsEndpoint: Endpoint {
        Endpoint(
            method: .get,
            path: "/metrics",
            name: "getMetrics",
            tag: "service",
            summary: "Get the metrics, in the text format of Prometheus",
            access: .open,
            responses: [.plain("The metrics.", example: "")],
            handle: .raw { _, _ in
                Response(
                    status: .ok,
                    headers: [.contentType: PrometheusText.mediaType],
                    body: .init(byteBuffer: ByteBuffer(string: await metrics()))
                )
            }
        )
    }

    private static let lane = ObjectShape(
        "WaitingLane",
        "A lane that cannot send.",
        [
            ShapeField("tenant", .text(upTo: 50), isRequired: true, "Tenant of the sender."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "Name of the sender."),
            ShapeField("reason", .choice(Waiting.Reason.self), isRequired: true, "The reason."),
            ShapeField("since", .dateTime, isRequired: true, "Since when."),
            ShapeField("until", .dateTime, "When it ends by itself; absent if that is unknown."),
        ]
    )

    private static let account = ObjectShape(
        "DegradedAccount",
        "An account at WhatsApp that cannot be read, or whose number WhatsApp has marked.",
        [
            ShapeField("tenant", .text(upTo: 50), isRequired: true, "Tenant of the account."),
            ShapeField("account", .text(upTo: 63), isRequired: true, "Name of the account."),
            ShapeField("reason", .text(0...10_000), isRequired: true, "The reason."),
        ]
    )

    private static let readinessShape = ObjectShape(
        "Readiness",
        "The state of each dependency: `ok`, or an error.",
        [
            ShapeField("postgres", .text(0...10_000), isRequired: true, "Postgres.", example: "ok"),
            ShapeField("redis", .text(0...10_000), isRequired: true, "Redis.", example: "ok"),
            ShapeField("schema", .text(0...10_000), isRequired: true, "The database schema.", example: "ok"),
            ShapeField(
                "epoch",
                .text(0...10_000),
                isRequired: true,
                "The lanes in Redis; not `ok` while they are rebuilt from Postgres.",
                example: "ok"
            ),
            ShapeField("specs", .map(.any, keys: 0...20), "The state of continuous reconciling."),
            ShapeField(
                "waiting",
                .list(.object(lane), count: 1...mostLanes),
                "Lanes that cannot send; absent if all can. They do not affect readiness."
            ),
            ShapeField(
                "accounts",
                .list(.object(account), count: 1...mostAccounts),
                "Accounts and numbers that are not well at WhatsApp; absent if all are. They do not affect readiness."
            ),
            ShapeField(
                "evicting",
                .list(.text(0...10_000), count: 1...10_000),
                "Servers of Redis whose `maxmemory-policy` is not `noeviction`; absent if none. They do not affect readiness."
            ),
        ]
    )

    private static let readyExample: JSONValue = ["postgres": "ok", "redis": "ok", "schema": "ok", "epoch": "ok"]

    private func readiness() async -> Readiness {
        async let postgres = state(of: checks.postgres)
        async let redis = state(of: checks.redis)
        async let schema = state(of: checks.schema)
        async let epoch = state(of: checks.epoch)
        async let accounts = degraded()
        let evicting = evicting()
        let lanes = Array(waiting().sorted { ($0.tenant, $0.sender) < ($1.tenant, $1.sender) }.prefix(Self.mostLanes))
        return await Readiness(
            postgres: postgres,
            redis: redis,
            schema: schema,
            epoch: epoch,
            specs: specs?(),
            waiting: lanes.isEmpty ? nil : lanes,
            accounts: accounts,
            evicting: evicting.isEmpty ? nil : evicting
        )
    }

    /// Returns the accounts with troubles; `nil` if there are none, or none are known in time.
    private func degraded() async -> [DegradedAccount]? {
        await withTaskGroup(of: [DegradedAccount].self) { group in
            // Postgres has a check of its own, which tells its error.
            group.addTask { (try? await accounts()) ?? [] }
            group.addTask {
                // Throws only when it is cancelled because the answer was faster.
                try? await ContinuousClock().sleep(for: Self.limit)
                return []
            }
            defer { group.cancelAll() }
            let found = await group.next() ?? []
            return found.isEmpty ? nil : found
        }
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
                // Throws only when it is cancelled because the check was faster.
                try? await ContinuousClock().sleep(for: Self.limit)
                return "no answer within \(Self.limit / .milliseconds(1)) ms"
            }
            defer { group.cancelAll() }
            return await group.next() ?? ""
        }
    }
}

extension Endpoint.ResponseShape {
    /// Describes an answer in plain text.
    fileprivate static func plain(_ description: String, example: JSONValue) -> Endpoint.ResponseShape {
        Endpoint.ResponseShape(
            status: .ok,
            description: description,
            content: [.init(mediaType: "text/plain", shape: .text(0...Int(Int32.max)), example: example)]
        )
    }
}
