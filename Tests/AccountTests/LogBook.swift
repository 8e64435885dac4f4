import Logging
import Synchronization

/// Keeps log lines for tests.
final class LogBook: Sendable {
    private let lines = Mutex<[String]>([])

    /// The lines from `notice` on, each with its metadata.
    var all: [String] { lines.withLock { $0 } }

    func count(_ part: String) -> Int { all.count { $0.contains(part) } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(book: self) }
    }

    private func add(_ line: String) { lines.withLock { $0.append(line) } }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.notice

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let details = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
            book.add("\(event.message) \(details)")
        }
    }
}
