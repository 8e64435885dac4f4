import TestBed

/// The condition that a test waits for did not hold in time.
public struct NotInTime: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) {
        self.description = description
    }
}

/// Polls until `condition` holds.
///
/// - Throws: `TestBedError` when it does not hold within `limit`, or what `condition` throws.
public func eventually(
    within limit: Duration = .seconds(60),
    _ what: String,
    _ condition: () async throws -> Bool
) async throws {
    try await wait(for: what, within: limit, every: .milliseconds(5), condition)
}
