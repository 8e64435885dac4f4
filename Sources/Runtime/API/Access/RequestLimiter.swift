import Foundation
import Synchronization

/// How many requests a tenant may make, so that none takes the daemon from the others.
///
/// A tenant may make a second's worth at once, and from then on as many as its rate. Every daemon counts for itself.
final class RequestLimiter: Sendable {
    /// Tenants that are remembered; a tenant that has been silent is as good as unknown.
    private static let maximumTenants = 10_000

    /// Requests per second.
    private let rate: Int
    private let now: @Sendable () -> ContinuousClock.Instant
    /// The time until which a tenant has used its rate up.
    private let used = Mutex<[String: ContinuousClock.Instant]>([:])

    /// Makes a limiter; `nil` for a rate of 0, which is no limit.
    init?(rate: Int, now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock().now }) {
        guard rate > 0 else { return nil }
        self.rate = rate
        self.now = now
    }

    /// Takes a request of the tenant's share.
    ///
    /// - Returns: How long to wait until there is something left; `nil` when the request may pass.
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
}
