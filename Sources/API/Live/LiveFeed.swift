import Foundation
import HTTPTypes
import HummingbirdCore
import JSON
package import Logging
import NIOCore
package import Postgres
package import Runtime
import ServiceLifecycle
import Settings
import Synchronization

/// Reads the present state while people watch it, and tells all of them what changes.
///
/// There is one reader in a daemon, whatever the number of viewers. It reads nothing without a viewer. It ends with the
/// start of a graceful shutdown, and all streams with it; so it has to be told before the HTTP server, which waits for its
/// answers.
package final class LiveFeed: Service {
    /// The limits and times of a feed.
    package struct Options: Sendable {
        /// Time from the end of one reading to the next.
        var interval = Duration.milliseconds(800)
        /// Shortest time between two readings: states of runs that change are read at once.
        var shortestInterval = Duration.milliseconds(250)
        /// Time limit of a statement of the reader, and of its look at Redis.
        var statementLimit = Duration.seconds(2)
        /// Time limit of a reading.
        var readLimit = Duration.seconds(5)
        /// Time after which a reading that is under way counts as failed for viewers.
        var staleAfter = Duration.seconds(3)
        /// Time without a message after which a comment shows that the stream lives.
        var heartbeat = Duration.seconds(15)
        /// Time between two messages of a stream.
        var spacing = Duration.milliseconds(250)
        /// Most streams at once.
        var capacity = 100
        /// Most streams of one tenant, so that no tenant can take all.
        var tenantCapacity = 25
        /// Time that a viewer may take for one message until its connection is closed.
        var patience = Duration.seconds(10)
        /// For heartbeats and the times between messages.
        var clock: any Clock<Duration> = ContinuousClock()
        /// The calendar, by which tokens expire.
        var now: @Sendable () -> Date = { Date() }

        package init() {}
    }

    /// Time for which the state of a tenant is read after a request for it.
    private static let shortUse = Duration.seconds(10)
    /// Time for which the state of a tenant is remembered after its last viewer.
    private static let memory = Duration.seconds(600)
    /// Shortest time between two verifications of the token of a stream.
    private static let verification = Duration.seconds(1)
    /// Age of a reading that a new viewer still gets.
    private static let freshness = Duration.seconds(1)

    /// A stream, as the reader sees it.
    private struct Viewer {
        let tenant: String
        let signal: WakeSignal
        /// Closes the connection.
        let close: @Sendable () -> Void
        /// The time at which it began to write a message that it has not finished.
        var writingSince: ContinuousClock.Instant?
    }

    private struct State {
        var vitals = VitalsHistory()
        var tenants: [String: LiveTenant] = [:]
        var lastUse: [String: ContinuousClock.Instant] = [:]
        var viewers: [Int: Viewer] = [:]
        var nextViewer = 0
        var version = 0
        /// Requests that wait for a reading.
        var waiters: [Int: WakeSignal] = [:]
        /// The time at which readings began to fail; `nil` after a success.
        var failingSince: Date?
        var isOver = false
    }

    let options: Options
    private let reader: LiveReader
    private let vitals: @Sendable () -> DaemonVitals
    private let wakeup: WakeSignal
    private let logger: Logger
    private let state = Mutex(State())

    /// Makes a feed.
    ///
    /// - Parameters:
    ///   - pool: Connections to Postgres.
    ///   - lanes: The lanes in Redis.
    ///   - specs: Returns the state of continuous reconciling; `nil` if this daemon does not reconcile.
    ///   - vitals: Returns what the daemon knows of itself.
    ///   - wakeup: Wakes the reader, when the state of a run has changed; the feed must be its only waiter.
    ///   - options: Limits and times.
    ///   - logger: The log.
    package init(
        pool: PostgresPool,
        lanes: LiveLanes,
        specs: (@Sendable () -> SpecsState)? = nil,
        vitals: @escaping @Sendable () -> DaemonVitals = { DaemonVitals() },
        wakeup: WakeSignal = WakeSignal(),
        options: Options = Options(),
        logger: Logger
    ) {
        reader = LiveReader(pool: pool, lanes: lanes, specs: specs, patience: options.statementLimit)
        (self.vitals, self.wakeup, self.options, self.logger) = (vitals, wakeup, options, logger)
    }

    /// Number of streams.
    var streams: Int { state.withLock { $0.viewers.count } }

    package func run() async {
        await PeriodicLoop(
            every: options.interval,
            atMostEvery: options.shortestInterval,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not read the state for viewers, trying again"
        )
        .runAdaptively { try await read() }
        await end()
    }

    /// Ends all streams, and closes those that do not end because their caller does not read.
    private func end() async {
        let signals = state.withLock { state in
            state.isOver = true
            return state.viewers.values.map(\.signal) + state.waiters.values
        }
        for signal in signals { signal.notify() }
        let deadline = ContinuousClock.now + .seconds(1)
        while streams > 0, .now < deadline { try? await ContinuousClock().sleep(for: .milliseconds(10)) }
        for close in state.withLock({ $0.viewers.values.map(\.close) }) { close() }
    }
}

// MARK: - Reading

extension LiveFeed {
    private func read() async throws -> PeriodicLoop.Next {
        closeStuckViewers()
        noteVitals()
        let (tenants, seen) = watched()
        // The next viewer wakes it.
        guard !tenants.isEmpty else { return .waitFor(.seconds(15)) }
        do {
            let reader = reader
            let reading = try await Self.within(
                options.readLimit,
                lateAfter: options.staleAfter,
                onLate: { self.publishFailure(to: tenants) },
                { try await reader.read(tenants, seen: seen) }
            )
            publish(reading, to: tenants)
        } catch {
            publishFailure(to: tenants)
            throw error
        }
        return .wait
    }

    /// Takes a sample of the daemon's own state, with viewers or without: alarms are about what lasts for minutes.
    private func noteVitals() {
        let now = options.now()
        guard state.withLock({ $0.vitals.isDue(at: now) }) else { return }
        let (found, circuit) = (vitals(), reader.lanes.circuit())
        state.withLock { $0.vitals.note(found, circuit: circuit, at: now) }
    }

    /// Returns the tenants that have viewers, with their open runs, and forgets those whose last viewer left long ago.
    private func watched() -> (tenants: [String], seen: [UUID]) {
        state.withLock { state in
            let now = ContinuousClock.now
            for viewer in state.viewers.values { state.lastUse[viewer.tenant] = now }
            for (tenant, use) in state.lastUse where now - use > Self.memory {
                (state.lastUse[tenant], state.tenants[tenant]) = (nil, nil)
            }
            let tenants = state.lastUse.filter { now - $0.value <= Self.shortUse }.keys.sorted()
            return (tenants, tenants.flatMap { state.tenants[$0]?.memory.open ?? [] })
        }
    }

    private func publish(_ reading: LiveReading, to tenants: [String]) {
        var reading = reading
        let signals = state.withLock { state -> [WakeSignal] in
            state.failingSince = nil
            reading.ofDaemon = state.vitals.alarms
            var changed: Set<String> = []
            for name in tenants {
                var tenant = state.tenants.removeValue(forKey: name) ?? LiveTenant()
                let parts = reading.items(of: name, &tenant.memory)
                if tenant.apply(parts, at: reading.at, read: .now, as: state.version + 1) {
                    state.version += 1
                    changed.insert(name)
                }
                state.tenants[name] = tenant
            }
            return Self.signals(&state, changed: changed)
        }
        for signal in signals { signal.notify() }
    }

    /// Tells viewers that the numbers are old.
    private func publishFailure(to tenants: [String]) {
        let now = options.now()
        let signals = state.withLock { state -> [WakeSignal] in
            let alarm = LiveAlarm.postgres(since: state.failingSince ?? now)
            state.failingSince = alarm.since
            var changed: Set<String> = []
            for name in tenants {
                var tenant = state.tenants.removeValue(forKey: name) ?? LiveTenant()
                let alarms: [LiveKind: [String: JSONValue]] = [.alarms: [alarm.code: alarm.json]]
                if tenant.apply(alarms, at: now, read: .now, as: state.version + 1) {
                    state.version += 1
                    changed.insert(name)
                }
                state.tenants[name] = tenant
            }
            return Self.signals(&state, changed: changed)
        }
        for signal in signals { signal.notify() }
    }

    /// Returns the signals of viewers whose tenant has changed, and of all requests that wait for a reading.
    private static func signals(_ state: inout State, changed: Set<String>) -> [WakeSignal] {
        defer { state.waiters = [:] }
        return state.viewers.values.filter { changed.contains($0.tenant) }.map(\.signal) + state.waiters.values
    }

    private func closeStuckViewers() {
        let now = ContinuousClock.now
        let stuck = state.withLock { state in
            state.viewers.values.filter { viewer in
                viewer.writingSince.map { now - $0 > options.patience } ?? false
            }
        }
        for viewer in stuck { viewer.close() }
    }

    /// Runs `body` with a time limit, and says when it is late: a statement of a server that hangs takes seconds to give up.
    private static func within<Value: Sendable>(
        _ limit: Duration,
        lateAfter: Duration,
        onLate: @escaping @Sendable () -> Void,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask {
                let start = ContinuousClock.now
                try await ContinuousClock().sleep(until: start + min(lateAfter, limit))
                onLate()
                try await ContinuousClock().sleep(until: start + limit)
                throw LiveError.slow(limit)
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}

private enum LiveError: Error, CustomStringConvertible {
    case slow(Duration)

    var description: String {
        switch self {
        case .slow(let limit): "it took longer than \(limit.components.seconds) s"
        }
    }
}

// MARK: - Viewers

extension LiveFeed {
    /// The place of a stream; it is free again when the last reference to it goes.
    final class Seat: Sendable {
        let tenant: String
        /// The end of the viewer's token.
        let expiresAt: Date
        /// Verifies the token again: its key may have been removed.
        let isAdmitted: @Sendable () async -> Bool
        let signal: WakeSignal
        fileprivate let number: Int
        private let feed: LiveFeed

        fileprivate init(
            _ number: Int,
            _ tenant: String,
            _ expiresAt: Date,
            _ isAdmitted: @escaping @Sendable () async -> Bool,
            _ signal: WakeSignal,
            _ feed: LiveFeed
        ) {
            (self.number, self.tenant, self.expiresAt) = (number, tenant, expiresAt)
            (self.isAdmitted, self.signal, self.feed) = (isAdmitted, signal, feed)
        }

        deinit { feed.leave(number) }
    }

    /// Takes a place for a stream.
    ///
    /// - Parameters:
    ///   - tenant: The tenant of the viewer.
    ///   - expiresAt: When the token of the viewer expires.
    ///   - isAdmitted: Verifies the token again.
    ///   - close: Closes the connection of the viewer.
    /// - Returns: The place; it is free again when the last reference to it goes.
    /// - Throws: ``Problem`` if all places, or all of the tenant, are taken, or the daemon is being shut down.
    func seat(
        tenant: String,
        expiresAt: Date,
        isAdmitted: @escaping @Sendable () async -> Bool = { true },
        close: @escaping @Sendable () -> Void
    ) throws(Problem) -> Seat {
        let signal = WakeSignal()
        let taken = state.withLock { state -> Result<Int, Problem> in
            guard !state.isOver else { return .failure(.shuttingDown) }
            let own = state.viewers.values.count(where: { $0.tenant == tenant })
            guard own < options.tenantCapacity else { return .failure(.tooManyOwnStreams(options.tenantCapacity)) }
            guard state.viewers.count < options.capacity else { return .failure(.tooManyStreams(options.capacity)) }
            state.nextViewer += 1
            state.viewers[state.nextViewer] = Viewer(tenant: tenant, signal: signal, close: close)
            state.lastUse[tenant] = .now
            return .success(state.nextViewer)
        }
        let seat = Seat(try taken.get(), tenant, expiresAt, isAdmitted, signal, self)
        wakeup.notify()
        return seat
    }

    private func leave(_ number: Int) {
        state.withLock { $0.viewers[number] = nil }
    }

    /// Waits until the state of a tenant has been read, or could not be.
    ///
    /// - Returns: False if that took longer than a reading may take.
    func awaitReading(of tenant: String) async -> Bool {
        let deadline = ContinuousClock.now + options.readLimit
        let earliest = ContinuousClock.now - Self.freshness
        while ContinuousClock.now < deadline, !Task.isCancelled {
            let signal = WakeSignal()
            let isThere = state.withLock { state in
                state.lastUse[tenant] = .now
                if state.isOver { return true }
                if let read = state.tenants[tenant]?.readAt, read >= earliest { return true }
                state.nextViewer += 1
                state.waiters[state.nextViewer] = signal
                return false
            }
            if isThere { return true }
            wakeup.notify()
            await signal.wait(upTo: ContinuousClock.now.duration(to: deadline), clock: ContinuousClock())
        }
        return false
    }

    /// Returns all parts of a kind as they are now.
    ///
    /// - Throws: ``Problem`` if they cannot be read.
    func list(_ kind: LiveKind, of tenant: String) async throws(Problem) -> [JSONValue] {
        let isRead = await awaitReading(of: tenant)
        let parts = state.withLock { state in
            state.failingSince == nil && isRead && !state.isOver ? state.tenants[tenant]?.list(kind) : nil
        }
        guard let parts else {
            var problem = Problem(.unavailable, "the state cannot be read; try again")
            problem.headers[.retryAfter] = "1"
            throw problem
        }
        return parts
    }

    /// Writes the events of a viewer, one after another, until its token is no longer valid or the feed ends.
    ///
    /// - Parameters:
    ///   - seat: The place of the stream.
    ///   - lastID: The id of the last message that the viewer has, from this or another daemon; `nil` for none.
    ///   - writer: Takes the answer, part by part, when there is room for the next one.
    /// - Throws: The error of the writer.
    @concurrent func stream(
        to seat: Seat,
        after lastID: String?,
        writer: inout any ResponseBodyWriter
    ) async throws {
        try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
        var position = lastID
        var verifiedAt = ContinuousClock.now
        _ = await awaitReading(of: seat.tenant)
        while !Task.isCancelled {
            if ContinuousClock.now - verifiedAt >= Self.verification {
                guard await seat.isAdmitted() else { return }
                verifiedAt = .now
            }
            let left = seat.expiresAt.timeIntervalSince(options.now())
            let (isOver, message) = state.withLock { state in
                (state.isOver, state.tenants[seat.tenant]?.message(since: position))
            }
            if isOver || left <= 0 { return }
            if let message {
                note(seat, isWriting: true)
                try await writer.write(message.text)
                note(seat, isWriting: false)
                position = message.id
                // Cancelled at a shutdown, which the next round sees.
                try? await options.clock.sleep(for: options.spacing)
            } else if await !seat.signal.isNotified(
                within: min(options.heartbeat, .seconds(left)),
                clock: options.clock
            ) {
                note(seat, isWriting: true)
                try await writer.write(ByteBuffer(string: ":\n\n"))
                note(seat, isWriting: false)
            }
        }
    }

    /// Notes that a viewer begins to take a message, or has taken it.
    private func note(_ seat: Seat, isWriting: Bool) {
        state.withLock { $0.viewers[seat.number]?.writingSince = isWriting ? .now : nil }
    }
}

extension Problem {
    fileprivate static let shuttingDown = Problem(.unavailable, "the server is shutting down; try again")

    fileprivate static func tooManyOwnStreams(_ limit: Int) -> Problem {
        var problem = Problem(
            .tooManyRequests,
            "the tenant has \(limit) streams at this daemon, the most for one tenant; close some, or try again later"
        )
        problem.headers[.retryAfter] = "10"
        return problem
    }

    fileprivate static func tooManyStreams(_ limit: Int) -> Problem {
        var problem = Problem(.unavailable, "all \(limit) streams of this daemon are in use; try again later")
        problem.headers[.retryAfter] = "10"
        return problem
    }
}
