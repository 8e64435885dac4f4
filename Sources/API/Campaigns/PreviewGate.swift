import HTTPTypes
import Synchronization

/// Bounds the previews that run at once for one tenant.
///
/// A preview reads all contacts of its tenant, and takes a connection of the pool that sending needs, too. Callers who left do
/// not end it.
final class PreviewGate: Sendable {
    /// The longest time of a statement of a preview.
    let statementLimit: Duration
    /// The remedy for a caller whose preview takes too long.
    static let ifSlow = "count it with `reconcile preview`, which has no such limit"

    /// The most previews of one tenant.
    private let capacity: Int
    private let running = Mutex<[String: Int]>([:])

    /// - Parameters:
    ///   - capacity: The most previews of one tenant at once.
    ///   - statementLimit: The longest time of a statement of a preview.
    init(capacity: Int = 2, statementLimit: Duration) {
        (self.capacity, self.statementLimit) = (capacity, statementLimit)
    }

    /// Takes a place, which ``leave(_:)`` gives back.
    ///
    /// - Throws: ``Problem`` if all places of the tenant are taken.
    func enter(_ tenant: String) throws(Problem) {
        let isAdmitted = running.withLock { running in
            guard running[tenant, default: 0] < capacity else { return false }
            running[tenant, default: 0] += 1
            return true
        }
        guard !isAdmitted else { return }
        var problem = Problem(
            .tooManyRequests,
            "\(capacity) previews of the tenant are being made; wait for the seconds in `Retry-After`"
        )
        problem.headers[.retryAfter] = "1"
        throw problem
    }

    /// Gives a place back.
    func leave(_ tenant: String) {
        running.withLock { running in
            let rest = running[tenant, default: 0] - 1
            running[tenant] = rest > 0 ? rest : nil
        }
    }
}
