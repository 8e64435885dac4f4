import Synchronization

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
