import Foundation
import Synchronization

/// How many requests or events a tenant may send, so that none takes the daemon from the others.
///
/// A tenant may send a second's worth at once, and from then on as many as its rate. What comes together passes together
/// as soon as anything may pass, and the tenant waits for longer afterwards. Every daemon counts for itself.
package final class RequestLimiter: Sendable {
    /// Tenants that are remembered; a tenant that has been silent is as good as unknown.
    private static let maximumTenants = 10_000

    /// How many in a second.
    private let rate: Int
    /// What is counted, for refusals.
    private let what: String
    private let now: @Sendable () -> ContinuousClock.Instant
    /// The time until which a tenant has used its rate up.
    private let used = Mutex<[String: ContinuousClock.Instant]>([:])

    /// Makes a limiter; `nil` for a rate of 0, which is no limit.
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

    /// Lets the first of what a tenant sends together pass.
    ///
    /// - Throws: ``Problem`` with the time to wait, when the tenant has used its share up.
    func admit(tenant: String) throws(Problem) {
        if let wait = take(tenant: tenant) { throw .tooMany(what, wait) }
    }

    /// Takes one of the tenant's share.
    ///
    /// - Returns: How long to wait until there is something left; `nil` when it may pass.
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

    /// Takes more for a tenant whose first has passed; what is beyond its share is taken from the time that follows.
    func charge(tenant: String, _ count: Int) {
        guard count > 0 else { return }
        let now = now()
        let length = Duration.seconds(1) / rate * count
        used.withLock { $0[tenant] = max($0[tenant] ?? now, now) + length }
    }
}
