import Logging
import Synchronization

/// Logs refused requests, at most one a minute for each reason, so that no caller can fill the log.
final class RefusalLog: Sendable {
    private static let interval = Duration.seconds(60)

    private struct Entry {
        var last: ContinuousClock.Instant
        var unsaid = 0
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// Logs a refusal as a warning, unless one with the same message was logged within a minute.
    ///
    /// - Parameters:
    ///   - message: What was refused, and what to check; one of a few fixed texts.
    ///   - metadata: Where it came from.
    ///   - logger: The log.
    func note(_ message: String, _ metadata: Logger.Metadata = [:], to logger: @autoclosure () -> Logger) {
        let now = now()
        let unsaid = entries.withLock { entries -> Int? in
            guard let entry = entries[message], now - entry.last < Self.interval else {
                return entries.updateValue(Entry(last: now), forKey: message)?.unsaid ?? 0
            }
            entries[message]?.unsaid += 1
            return nil
        }
        guard let unsaid else { return }
        var metadata = metadata
        if unsaid > 0 { metadata["before"] = "\(unsaid)" }
        logger().warning("\(message)", metadata: metadata)
    }
}
