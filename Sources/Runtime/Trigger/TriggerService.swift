public import Foundation
public import Logging
public import ServiceLifecycle
public import Store

/// Turns events into messages, for the HTTP hook and for code in this process alike.
///
/// ```swift
/// let outcome = try await triggers.fire(
///     TriggerEvent.ticketPurchased.rawValue,
///     TriggerRequest(contactID: "254712345678", context: ["eventId": "evt-abc"], eventID: "order-17"),
///     tenant: "acme"
/// )
/// ```
///
/// Calls for the same event of a tenant share a transaction; see ``GroupCommit``. A graceful shutdown ends after
/// everything handed in is committed.
public final class TriggerService: Service, Sendable {
    /// The events that one transaction may hold.
    private struct Kind: Hashable {
        let tenant: String
        let source: TriggerSource
    }

    private struct Call: Sendable {
        let kind: Kind
        let requests: [TriggerRequest]
    }

    /// Events in one transaction; a single call may bring more.
    private static let largestBatch = 1_000
    /// Transactions at the same time; each takes a connection.
    private static let width = 3

    private let calls: GroupCommit<Call, [TriggerOutcome], Kind>

    /// Makes a service; ``run()`` must be running for anything to be committed.
    ///
    /// - Parameters:
    ///   - triggers: The repository that turns events into messages.
    ///   - logger: Logs events that cannot be committed.
    ///   - now: Returns the current time.
    public convenience init(
        triggers: TriggerRepository,
        logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.init(triggers: triggers, logger: logger, now: now, metrics: nil)
    }

    /// Makes a service that counts its events, and calls `committed` when there are new messages.
    package init(
        triggers: TriggerRepository,
        logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() },
        metrics: TriggerMetrics?,
        committed: @escaping @Sendable () -> Void = {}
    ) {
        calls = GroupCommit(.init(width: Self.width, largest: Self.largestBatch, mixesLanes: false)) { calls, error in
            logger.error(
                "Could not commit events, their senders are told to repeat them",
                metadata: [
                    "tenant": "\(calls[0].kind.tenant)", "event": "\(calls[0].kind.source.event)", "error": "\(error)",
                ]
            )
            metrics?.countFailed(calls.reduce(0) { $0 + $1.requests.count })
        } commit: { calls in
            let kind = calls[0].kind
            var outcomes = try await triggers.fire(
                calls.flatMap(\.requests),
                of: kind.source,
                tenant: kind.tenant,
                now: now()
            )[...]
            committed()
            metrics?.count(Array(outcomes))
            return calls.map { call in
                defer { outcomes = outcomes.dropFirst(call.requests.count) }
                return Array(outcomes.prefix(call.requests.count))
            }
        }
    }

    /// Takes an event in, and returns when its messages are committed.
    ///
    /// - Parameters:
    ///   - event: The event's name.
    ///   - request: The contact and the details of the event.
    ///   - tenant: The contact's tenant.
    /// - Returns: The campaigns that matched, and those that refused with the reason.
    /// - Throws: `PostgresError` when nothing was committed, `CancellationError` when the service has ended.
    public func fire(_ event: String, _ request: TriggerRequest, tenant: String) async throws -> TriggerOutcome {
        try await fire(event, [request], tenant: tenant)[0]
    }

    /// Takes events of one name in, all or none.
    ///
    /// - Returns: The outcomes, in the order of the requests.
    public func fire(_ event: String, _ requests: [TriggerRequest], tenant: String) async throws -> [TriggerOutcome] {
        try await fire(.event(event), requests, tenant: tenant)
    }

    /// Takes events of one source in, all or none.
    ///
    /// - Returns: The outcomes, in the order of the requests.
    public func fire(
        _ source: TriggerSource,
        _ requests: [TriggerRequest],
        tenant: String
    ) async throws -> [TriggerOutcome] {
        guard !requests.isEmpty else { return [] }
        let kind = Kind(tenant: tenant, source: source)
        return try await calls.perform(Call(kind: kind, requests: requests), weight: requests.count, of: kind)
    }

    public func run() async { await calls.runUntilShutdown() }
}
