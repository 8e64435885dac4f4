import Synchronization

/// What a command leaves to the end of its process.
enum UntilExit {
    private static let kept = Mutex<[any Sendable]>([])

    /// Keeps a large value alive: the process is about to end, and to take it apart piece by piece first would only
    /// make its user wait.
    static func keep(_ value: some Sendable) {
        kept.withLock { $0.append(value) }
    }
}
