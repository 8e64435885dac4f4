public import Foundation
public import ServiceLifecycle

/// Something that runs beside the daemon and shows how it fares, such as the loop that applies specs.
public struct DaemonCompanion: Sendable {
    /// How it fares; names stand in JSON as they are here.
    public struct State: Sendable, Codable {
        /// The commit whose specs are in the database; `nil` outside of a repository.
        public var lastAppliedCommit: String?
        public var lastAppliedAt: Date?
        /// The commit that was looked at last.
        public var lastAttemptedCommit: String?
        public var lastAttemptedAt: Date?
        /// Why the last attempt changed nothing; `nil` when all is well.
        public var reason: String?

        public init() {}
    }

    let service: any Service
    let state: @Sendable () -> State

    /// Makes a companion.
    ///
    /// - Parameters:
    ///   - service: Runs as long as the daemon.
    ///   - state: How it fares at this moment.
    public init(service: any Service, state: @escaping @Sendable () -> State) {
        self.service = service
        self.state = state
    }
}
