import Foundation
import Synchronization

/// Rate limit for the requests or events of each tenant, so that one tenant cannot occupy the daemon.
///
/// A tenant may send a burst of one second's worth, then as many as its rate. A batch is admitted as a whole if one
/// event is; the tenant waits longer afterwards. Each daemon counts for itself.
package final class RequestLimiter: Sendable {
    /// Maximum number of tenants in memory; one without recent requests can be dropped.
    private static let maximumTenants = 10_000

    /// Per second and tenant.
    private let rate: Int
    /// The plural noun of what is counted, for refusals.
    private let what: String
    private let now: @Sendable () -> ContinuousClock.Instant
    /// The time until which each tenant has used its rate.
    private let used = Mutex<[String: ContinuousClock.Instant]>([:])

    /// Creates a limiter; `nil` for a rate of 0, which means no limit.
    package init?(
        rate: Int,
        counting what: String = "requests",
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now }
    ) {
        guard rate > 0 else { return nil }
        self.rate = rate
        self.what = what
        self.now = now
    }

    /// Admits a request, or the first event of a batch.
    ///
    /// - Throws: ``Problem`` with the time to wait if the tenant is over its rate.
    func admit(tenant: String) throws(Problem) {
        if let wait = take(tenant: tenant) { throw .tooMany(what, wait) }
    }

    /// Takes one unit of the tenant's rate.
    ///
    /// - Returns: The time to wait; `nil` if the request is admitted.
    func take(tenant: String) -> Duration? {
        let now = now()
        let step = Duration.seconds(1) / rate
        return used.withLock { used in
            let start = max(used[tenant] ?? now, now)
            let wait = now.duration(to: start) + step - .seconds(1)
            guard wait <= .zero else { return wait }
            if used[tenant] == nil, used.count >= Self.maximumTenants {
                used = used.filter { $0.value > now }
            }
            used[tenant] = start + step
            return nil
        }
    }

    /// Charges the rest of a batch that was admitted; the tenant waits for it afterwards.
    func charge(tenant: String, _ count: Int) {
        guard count > 0 else { return }
        let now = now()
        let length = Duration.seconds(1) / rate * count
        used.withLock { $0[tenant] = max($0[tenant] ?? now, now) + length }
    }
}
