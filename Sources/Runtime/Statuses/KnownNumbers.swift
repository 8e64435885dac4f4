import Store
import Synchronization

/// Names of our numbers that are written down already: every webhook says them, and they hardly ever change.
final class KnownNumbers: Sendable {
    /// How long nobody looks again: a sender that is added meanwhile learns its names this much later.
    private static let lifetime = Duration.seconds(60)

    /// The names that were written last, by the number's id.
    private let noted = Mutex<[String: (number: InboundReport.Number, at: ContinuousClock.Instant)]>([:])

    /// Those that have to be written down, and then to be handed to ``note(_:at:)``.
    func unknown(
        among numbers: Set<InboundReport.Number>,
        at now: ContinuousClock.Instant
    ) -> Set<InboundReport.Number> {
        noted.withLock { noted in
            numbers.filter { number in
                guard let last = noted[number.phoneNumberID] else { return true }
                return last.number != number || now - last.at >= Self.lifetime
            }
        }
    }

    /// Takes note of numbers that are written down now.
    func note(_ numbers: Set<InboundReport.Number>, at now: ContinuousClock.Instant) {
        guard !numbers.isEmpty else { return }
        noted.withLock { noted in
            // Whoever signs webhooks may name any number: what is old is forgotten.
            noted = noted.filter { now - $0.value.at < Self.lifetime }
            for number in numbers { noted[number.phoneNumberID] = (number, now) }
        }
    }
}
