/// What keeps a cell from being judged: the machinery of the harness, not what it tests.
enum HarnessError: Error, CustomStringConvertible {
    case command(_ line: String, output: String)
    case notInTime(_ what: String)
    case missing(_ what: String, remedy: String)

    var description: String {
        switch self {
        case .command(let line, let output): "`\(line)` failed: \(output)"
        case .notInTime(let what): "not in time: \(what)"
        case .missing(let what, let remedy): "\(what) is missing: \(remedy)"
        }
    }
}

/// Polls until a condition holds.
///
/// - Parameters:
///   - what: Names the condition in the error.
///   - limit: How long to wait.
///   - interval: From one look to the next.
///   - condition: An error counts as not yet; servers are down on purpose here.
/// - Throws: ``HarnessError/notInTime(_:)``.
func wait(
    for what: String,
    within limit: Duration,
    every interval: Duration = .milliseconds(50),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        if (try? await condition()) == true { return }
        guard ContinuousClock.now < deadline else { throw HarnessError.notInTime(what) }
        // Other processes change what is looked at and cannot signal it, so it is polled, with a deadline.
        try await Task.sleep(for: interval)
    }
}
