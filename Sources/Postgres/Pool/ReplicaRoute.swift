public import Logging
internal import Synchronization

/// The choice between a replica and its primary, by the last measurement of the age of the replica.
///
/// The age grows from one measurement to the next, so a replica that is measured no more is soon not read any more. Each
/// change from usable to unusable and back is one line in the log.
public final class ReplicaStanding: Sendable {
    private struct State {
        /// The time whose state of the primary the replica has, at least; `nil` if it must not be read.
        var since: ContinuousClock.Instant?
        /// The last thing that was logged; `nil` before the first.
        var isUsable: Bool?
    }

    private let state = Mutex(State())
    private let logger: Logger

    /// Makes the standing of a replica that was not measured yet.
    public init(logger: Logger) {
        self.logger = logger
    }

    /// Notes a measurement.
    ///
    /// - Parameters:
    ///   - age: How much older than the primary the replica was.
    ///   - instant: The time of the measurement.
    public func note(age: Duration, at instant: ContinuousClock.Instant) {
        let isNews = state.withLock { state in
            state.since = instant - age
            defer { state.isUsable = true }
            return state.isUsable != true
        }
        if isNews { logger.notice("Reading from the replica", metadata: ["age": "\(age)"]) }
    }

    /// Keeps the replica from being read until the next measurement.
    public func refuse(because reason: String) {
        let isNews = state.withLock { state in
            state.since = nil
            defer { state.isUsable = false }
            return state.isUsable != false
        }
        if isNews {
            logger.warning("Reading from the primary, not from the replica", metadata: ["reason": "\(reason)"])
        }
    }

    /// Returns true if the replica is at most this old.
    public func isFresh(within bound: Duration, at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { $0.since.map { now - $0 <= bound } ?? false }
    }
}

/// A replica that a pool lends connections of, as long as it is fresh, and its primary.
struct ReplicaRoute: Sendable {
    let replica: PostgresPool
    let primary: PostgresPool
    let standing: ReplicaStanding
    let maximumAge: Duration

    /// Errors that a replica has and its primary has not: a row that the statement read was removed meanwhile (40001), a
    /// statement that a replica cannot execute (25006, 0A000), a replica that stops or was promoted (57P01 to 57P03), or
    /// one that has not replayed a migration yet (42P01, 42703, 42883).
    private static let states: Set<String> = [
        "40001", "25006", "0A000", "57P01", "57P02", "57P03", "42P01", "42703", "42883",
    ]

    /// Takes a connection: of the replica if it is fresh and has one soon, else of the primary.
    func acquire() async throws(PostgresError) -> LentConnection {
        if standing.isFresh(within: maximumAge) {
            do throws(PostgresError) {
                return LentConnection(connection: try await replica.acquire(), owner: replica)
            } catch .cancelled {
                throw .cancelled
            } catch .poolExhausted {
                // It is only busy.
            } catch {
                standing.refuse(because: "\(error)")
            }
        }
        return LentConnection(connection: try await primary.acquire(), owner: primary)
    }

    /// Returns true if what has failed may be repeated on the primary, and remembers a replica that is gone.
    ///
    /// A statement that took too long is not: it would take as long there.
    func isFault(_ error: any Error, of lent: LentConnection) -> Bool {
        guard lent.owner === replica, !Task.isCancelled else { return false }
        let state = lent.connection.status.read()
        // The body may have put the error of the server into one of its own.
        var failure = state.failure
        switch error as? PostgresError {
        case .timeout, .cancelled, .misuse, .encoding, .decoding: return false
        case .server(let error): failure = error
        default: break
        }
        guard state.isOpen else {
            standing.refuse(because: "\(error)")
            return true
        }
        return failure.map { Self.states.contains($0.sqlState) } ?? false
    }
}

/// A connection on loan, and the pool that it goes back to.
struct LentConnection: Sendable {
    let connection: PostgresConnection
    let owner: PostgresPool

    func giveBack() async { await owner.release(connection) }
}

extension PostgresPool {
    /// Makes a pool for reads, which lends connections of a replica as long as it is fresh, and else those of its primary.
    ///
    /// A statement that fails because of the replica is repeated on the primary. So a body must do nothing but read, and must be
    /// harmless to repeat.
    ///
    /// - Parameters:
    ///   - replica: The pool of the replica. It should not wait long for connections, because the primary has some, too.
    ///   - primary: The pool of the primary.
    ///   - standing: Tells whether the replica is fresh.
    ///   - maximumAge: The most by which it may be older than the primary.
    public convenience init(
        reading replica: PostgresPool,
        else primary: PostgresPool,
        standing: ReplicaStanding,
        maximumAge: Duration
    ) {
        self.init(
            primary: primary,
            route: ReplicaRoute(replica: replica, primary: primary, standing: standing, maximumAge: maximumAge)
        )
    }
}
