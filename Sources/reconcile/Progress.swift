/// Tells people that something is still going on.
enum Progress {
    private static let silence = Duration.seconds(1)
    private static let interval = Duration.seconds(5)

    /// Runs `body`; when it takes longer than a second, standard error says what it is about, and every five seconds
    /// for how long.
    static func watching<Value: Sendable>(
        _ what: String,
        _ body: () async throws -> Value
    ) async rethrows -> Value {
        let start = ContinuousClock.now
        // It ends with this call, which cancels it. The sleeps are what it is for: it speaks after so much silence.
        let notice = Task {
            try await Task.sleep(for: silence)
            Terminal.complain("\(what) …\n")
            while true {
                try await Task.sleep(for: interval)
                Terminal.complain("\(what) … \((ContinuousClock.now - start).components.seconds) s\n")
            }
        }
        defer { notice.cancel() }
        return try await body()
    }
}
