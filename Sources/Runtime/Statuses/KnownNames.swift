import Foundation
import Store
import Synchronization

/// Names of our own numbers that are stored already: every webhook repeats them, and they hardly ever change.
final class KnownNumbers: Sendable {
    /// Time until a number is stored again: a sender that was added meanwhile learns its names this much later.
    private static let lifetime = Duration.seconds(60)

    /// The names that were stored last, by the number's id.
    private let noted = Mutex<[String: (number: InboundReport.Number, at: ContinuousClock.Instant)]>([:])

    /// Returns the numbers that have to be stored; afterwards they must be handed to ``note(_:at:)``.
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

    /// Records that numbers were stored just now.
    func note(_ numbers: Set<InboundReport.Number>, at now: ContinuousClock.Instant) {
        guard !numbers.isEmpty else { return }
        noted.withLock { noted in
            // A signed webhook may name any number, so old entries are dropped to bound the memory.
            noted = noted.filter { now - $0.value.at < Self.lifetime }
            for number in numbers { noted[number.phoneNumberID] = (number, now) }
        }
    }
}

/// Ids of contacts that statuses named before: each message has three statuses with the same ids.
final class KnownIdentities: Sendable {
    /// The most entries; then all are forgotten, and the ids are compared with Postgres once more.
    private static let capacity = 200_000

    /// The hashes of what was stored.
    private let noted = Mutex<Set<Int>>([])

    /// Returns the ids that have to be stored; afterwards they must be handed to ``note(_:)``.
    func unknown(among learned: [LearnedIDs]) -> [LearnedIDs] {
        guard !learned.isEmpty else { return [] }
        return noted.withLock { noted in
            var fresh: Set<Int> = []
            return learned.filter { !noted.contains(Self.hash($0)) && fresh.insert(Self.hash($0)).inserted }
        }
    }

    /// Records that ids were stored.
    func note(_ learned: [LearnedIDs]) {
        guard !learned.isEmpty else { return }
        noted.withLock { noted in
            if noted.count + learned.count > Self.capacity { noted.removeAll() }
            for one in learned { noted.insert(Self.hash(one)) }
        }
    }

    /// Returns the hash of the ids and of the run: another run may be that of another tenant, who shares nothing.
    private static func hash(_ learned: LearnedIDs) -> Int {
        var hasher = Hasher()
        if let message = learned.messageID {
            hasher.combine(MessageID.run(of: message))
        } else {
            hasher.combine(learned.waMessageID)
        }
        hasher.combine(learned.waID)
        hasher.combine(learned.userIDs)
        return hasher.finalize()
    }
}

/// The types of webhook events that this version does not know: each is logged once a day.
final class UnknownEvents: Sendable {
    private static let interval = Duration.seconds(86_400)
    /// Maximum number of names that are told apart; further ones count as `other`, so that metrics stay few.
    private static let capacity = 50

    private let noted = Mutex<[String: ContinuousClock.Instant]>([:])

    /// Returns the name under which a type is counted, and whether it is to be logged now.
    func note(_ type: String, at now: ContinuousClock.Instant = .now) -> (name: String, isNews: Bool) {
        let name = String(String.UnicodeScalarView(type.unicodeScalars.prefix(80).map { Self.isPlain($0) ? $0 : "_" }))
        return noted.withLock { noted in
            let known = noted[name] != nil || noted.count < Self.capacity ? name : "other"
            if let last = noted[known], now - last < Self.interval { return (known, false) }
            noted[known] = now
            return (known, true)
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "_.-".unicodeScalars.contains(scalar))
    }
}
