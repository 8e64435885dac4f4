/// A failure of the machinery around a test, not of the tested code.
public enum TestBedError: Error, CustomStringConvertible {
    case command(_ line: String, output: String)
    case notInTime(_ what: String, limit: Duration)
    case missing(_ what: String, remedy: String)
    case answer(url: String, status: UInt, body: String)

    public var description: String {
        switch self {
        case .command(let line, let output): "`\(line)` failed: \(output)"
        case .notInTime(let what, let limit): "not within \(limit): \(what)"
        case .missing(let what, let remedy): "\(what) is missing: \(remedy)"
        case .answer(let url, let status, let body): "\(url) answered \(status): \(body)"
        }
    }
}

/// Polls until a condition holds.
///
/// The condition belongs to another process, which cannot signal it.
///
/// - Parameters:
///   - what: Names the condition in the error.
///   - limit: The maximum time to wait.
///   - interval: The time between two polls.
///   - toleratesErrors: Counts an error of the condition as "not yet", for servers that are down on purpose.
///   - condition: The condition.
/// - Throws: ``TestBedError/notInTime(_:limit:)``, and errors of the condition that are not tolerated.
public func wait(
    for what: String,
    within limit: Duration,
    every interval: Duration = .milliseconds(20),
    toleratesErrors: Bool = false,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        do {
            if try await condition() { return }
        } catch {
            if !toleratesErrors { throw error }
        }
        guard ContinuousClock.now < deadline else { throw TestBedError.notInTime(what, limit: limit) }
        try await Task.sleep(for: interval)
    }
}
