import NIOCore
import Synchronization

/// The connections of one event loop, and the requests that wait for one.
///
/// A request takes the connection that was used last, or else waits in line. If none becomes free for a moment, the
/// pool opens one for each waiting request; a connection that becomes free takes the first request in line. Everything
/// happens on the event loop.
final class ConnectionPool {
    /// Time that a request waits for an existing connection before another is opened.
    ///
    /// Opening costs more than this for both sides, and each connection makes all requests more expensive: a client
    /// posts one and a half times as much over 64 connections as over a thousand.
    private static let patience = TimeAmount.milliseconds(2)

    let connector: Connector
    private let limit: Int
    private let gauge: PoolGauge
    /// Open connections, by identity.
    private var connections: [ObjectIdentifier: PostConnection] = [:]
    /// Idle connections, the one used last at the end.
    private var idle: [PostConnection] = [] {
        didSet { gauge.note(idle: idle.count) }
    }
    /// Number of connections, including those being opened, and number being opened, handshakes included.
    private var count = 0
    private var opening = 0
    private var line = CircularBuffer<PostJob>()
    /// The reason why the last connection did not open; `nil` after one has opened or brought an answer.
    private var lastFailure: (any Error)?
    private var isPatient = false
    /// Next time to expire queued requests; `nil` if none has a write deadline.
    private var nextExpiry: NIODeadline?
    private var isSweeping = false
    private var isShutDown = false

    init(connector: Connector, limit: Int, gauge: PoolGauge) {
        self.connector = connector
        self.limit = limit
        self.gauge = gauge
    }

    // MARK: Calls by users

    /// Sends a request as soon as there is a connection for it.
    func start(_ job: PostJob) {
        guard !job.ticket.isCancelled else { return job.end(.notWritten(reason: "cancelled")) }
        guard !isShutDown else { return job.end(.notWritten(reason: "the client is shut down")) }
        if job.isExpired(at: .now()) { return expire(job) }
        if let connection = idle.popLast() { return connection.send(job) }
        line.append(job)
        if count == opening { openMore() } else { openLater() }
        if let writeBy = job.writeBy { expireLater(at: writeBy) }
        sweepLater()
    }

    /// Opens connections until as many are idle or opening as requests are expected.
    func prepare(for requests: Int) {
        guard !isShutDown else { return }
        while idle.count + opening < requests + line.count && count < limit { open() }
    }

    /// Cancels a request, in the queue or in flight.
    func cancel(_ ticket: PostTicket) {
        if let index = line.firstIndex(where: { $0.ticket === ticket }) {
            line.remove(at: index).end(.notWritten(reason: "cancelled"))
        } else {
            connections.values.first { $0.job?.ticket === ticket }?.close(because: "cancelled")
        }
    }

    /// Closes all connections, and takes no more requests.
    func shutdown() -> EventLoopFuture<Void> {
        isShutDown = true
        while let job = line.popFirst() { job.end(.notWritten(reason: "the client is shut down")) }
        let open = Array(connections.values)
        for connection in open { connection.close(because: "the client is shut down") }
        return .andAllComplete(open.map(\.channel.closeFuture), on: connector.loop)
    }

    // MARK: Calls by connections

    /// Handles a connection that has opened, TLS included.
    func opened(_ connection: PostConnection) {
        opening -= 1
        gauge.note(opening: .now() - connection.beganOpening)
        isFree(connection)
    }

    /// Handles a connection that is free: it is new or has brought its answer.
    func isFree(_ connection: PostConnection) {
        let now = NIODeadline.now()
        lastFailure = nil
        while let job = line.popFirst() {
            if !job.isExpired(at: now) { return connection.send(job) }
            expire(job)
        }
        connection.idleSince = now
        idle.append(connection)
    }

    /// Handles a connection that was closed, or did not open.
    func closed(_ connection: PostConnection, wasOpen: Bool, error: (any Error)?) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        guard wasOpen else { return failedToOpen(error ?? ChannelError.eof) }
        count -= 1
        idle.removeAll { $0 === connection }
        openMore()
    }

    // MARK: Opening

    /// Opens connections for requests that are still queued after a moment.
    private func openLater() {
        guard !isPatient else { return }
        isPatient = true
        connector.loop.assumeIsolated().scheduleTask(in: Self.patience) {
            self.isPatient = false
            self.openMore()
        }
    }

    /// Opens a connection for each queued request, up to the maximum.
    private func openMore() {
        while opening < line.count && count < limit { open() }
    }

    private func open() {
        opening += 1
        count += 1
        let start = NIODeadline.now()
        connector.connect(for: self).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let connection):
                connection.beganOpening = start
                self.connected(connection)
            case .failure(let error): self.failedToOpen(error)
            }
        }
    }

    private func connected(_ connection: PostConnection) {
        guard !isShutDown else {
            failedToOpen(ChannelError.ioOnClosedChannel)
            return connection.close(because: "the client is shut down")
        }
        connections[ObjectIdentifier(connection)] = connection
        connection.connected(by: .now() + TimeAmount(connector.configuration.connectTimeout))
        sweepLater()
    }

    private func failedToOpen(_ error: any Error) {
        opening -= 1
        count -= 1
        lastFailure = error
        // A connection is being opened for each queued request, up to the maximum: one request has to fail.
        if line.count > opening, let job = line.popFirst() { job.end(.notWritten(reason: connector.explain(error))) }
        openMore()
    }

    // MARK: Time

    /// Ends a request after its write deadline has passed.
    ///
    /// If connections fail to open, that failure is the reason, not the deadline.
    private func expire(_ job: PostJob) {
        job.end(lastFailure.map { .notWritten(reason: connector.explain($0)) } ?? .expired)
    }

    /// Expires queued requests as soon as a write deadline passes.
    private func expireLater(at instant: NIODeadline) {
        guard nextExpiry.map({ instant < $0 }) ?? true else { return }
        nextExpiry = instant
        // A request expires only after its instant has passed.
        connector.loop.assumeIsolated().scheduleTask(deadline: instant + .microseconds(1)) {
            // An earlier timer replaced this one.
            guard self.nextExpiry == instant else { return }
            self.nextExpiry = nil
            let now = NIODeadline.now()
            let expired = self.line.filter { $0.isExpired(at: now) }
            self.line.removeAll { $0.isExpired(at: now) }
            for job in expired { self.expire(job) }
            if let next = self.line.lazy.compactMap(\.writeBy).min() { self.expireLater(at: next) }
        }
    }

    /// Checks deadlines at intervals while there are connections or requests.
    ///
    /// A timer for each request would cost more than writing it.
    private func sweepLater() {
        guard !isSweeping, !(connections.isEmpty && line.isEmpty) else { return }
        isSweeping = true
        connector.loop.assumeIsolated().scheduleTask(in: TimeAmount(connector.configuration.sweepInterval)) {
            self.isSweeping = false
            self.sweep(at: .now())
            self.sweepLater()
        }
    }

    private func sweep(at now: NIODeadline) {
        while let job = line.first, job.deadline <= now {
            line.removeFirst()
            job.end(.notWritten(reason: "no connection was free within \(connector.configuration.requestTimeout)"))
        }
        for connection in Array(connections.values) { connection.sweep(at: now) }
        let limit = now - TimeAmount(connector.configuration.idleTimeout)
        for connection in idle.prefix(while: { $0.idleSince <= limit }) { connection.close(because: "not needed") }
    }
}

/// The recent opening times of connections.
///
/// The shortest of the last few counts: a busy machine delays some connections, but distance delays all.
struct OpeningTime: Sendable {
    /// A shorter wait does not matter.
    private static let negligible = TimeAmount.milliseconds(10)
    /// The assumption before the first connection is open, because a distant server would show too late.
    private static let assumed = TimeAmount.milliseconds(250)
    private static let memory = 8

    private var recent = CircularBuffer<TimeAmount>(initialCapacity: memory)

    /// Records the time of a connection that has opened.
    mutating func note(_ time: TimeAmount) {
        if recent.count == Self.memory { recent.removeFirst() }
        recent.append(time)
    }

    /// Expected time of the next connection; zero if it does not matter.
    var expected: TimeAmount {
        guard let shortest = recent.min() else { return Self.assumed }
        // A quarter more, because not all are as fast as the fastest.
        return shortest < Self.negligible ? .zero : .nanoseconds(shortest.nanoseconds / 4 * 5)
    }
}

/// Load of a pool, readable from any thread; may be slightly out of date.
final class PoolGauge: Sendable {
    private let requests = Atomic(0)
    private let free = Atomic(0)
    private let opening = Mutex(OpeningTime())

    /// Requests without an outcome.
    var underWay: Int { requests.load(ordering: .relaxed) }

    /// Idle connections.
    var idle: Int { free.load(ordering: .relaxed) }

    /// Expected time to open a connection; zero if it does not matter.
    var expectedOpening: TimeAmount { opening.withLock { $0.expected } }

    func began() { requests.add(1, ordering: .relaxed) }

    func ended() { requests.subtract(1, ordering: .relaxed) }

    func note(idle count: Int) { free.store(count, ordering: .relaxed) }

    func note(opening time: TimeAmount) { opening.withLock { $0.note(time) } }
}
