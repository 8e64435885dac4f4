import NIOCore
import Synchronization

/// The connections of one event loop, and the requests that wait for one.
///
/// A request takes the connection that was used last, or else stands in line. When none has become free for a moment,
/// one is opened for each of the line; whichever is free first takes the first of it. All of it happens on the event
/// loop.
final class ConnectionPool {
    /// How long a request waits for a connection that is there, before another is opened.
    ///
    /// Opening costs more than this for both sides, and each connection makes all requests dearer: over 64 a client posts
    /// one and a half times as much as over a thousand.
    private static let patience = TimeAmount.milliseconds(2)

    let connector: Connector
    private let limit: Int
    private let gauge: PoolGauge
    /// Those that are connected, by identity.
    private var connections: [ObjectIdentifier: PostConnection] = [:]
    /// Those that nobody needs, the one that was used last at the end.
    private var idle: [PostConnection] = [] {
        didSet { gauge.note(idle: idle.count) }
    }
    /// How many there are, those being opened included, and how many are being opened, handshakes included.
    private var count = 0
    private var opening = 0
    private var line = CircularBuffer<PostJob>()
    /// Why the last connection did not open; `nil` once one has opened, or has brought an answer.
    private var lastFailure: (any Error)?
    private var isPatient = false
    /// When requests in line are looked after; `nil` when none of them may not be written late.
    private var nextExpiry: NIODeadline?
    private var isSweeping = false
    private var isShutDown = false

    init(connector: Connector, limit: Int, gauge: PoolGauge) {
        self.connector = connector
        self.limit = limit
        self.gauge = gauge
    }

    // MARK: What callers ask

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

    /// Has as many connections free, or about to be, as requests are about to come.
    func prepare(for requests: Int) {
        guard !isShutDown else { return }
        while idle.count + opening < requests + line.count && count < limit { open() }
    }

    /// Gives a request up, wherever it is.
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

    // MARK: What connections tell

    /// A connection is open, TLS included.
    func opened(_ connection: PostConnection) {
        opening -= 1
        gauge.note(opening: .now() - connection.beganOpening)
        isFree(connection)
    }

    /// A connection can take a request, as it is new or has brought its answer.
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

    /// A connection is closed, after it was open or before.
    func closed(_ connection: PostConnection, wasOpen: Bool, error: (any Error)?) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        guard wasOpen else { return failedToOpen(error ?? ChannelError.eof) }
        count -= 1
        idle.removeAll { $0 === connection }
        openMore()
    }

    // MARK: Opening

    /// Has connections opened for those who are still in line after a moment.
    private func openLater() {
        guard !isPatient else { return }
        isPatient = true
        connector.loop.assumeIsolated().scheduleTask(in: Self.patience) {
            self.isPatient = false
            self.openMore()
        }
    }

    /// Has a connection opened for everyone in line, as far as there may be more.
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
        // A connection was being opened for each in line, unless there may not be more: one of them has to go.
        if line.count > opening, let job = line.popFirst() { job.end(.notWritten(reason: connector.explain(error))) }
        openMore()
    }

    // MARK: Time

    /// Ends a request that may not be written any more.
    ///
    /// Where connections do not open, that is the reason, and not that they take their time.
    private func expire(_ job: PostJob) {
        job.end(lastFailure.map { .notWritten(reason: connector.explain($0)) } ?? .expired)
    }

    /// Looks after requests in line as soon as one of them may not be written any more.
    private func expireLater(at instant: NIODeadline) {
        guard nextExpiry.map({ instant < $0 }) ?? true else { return }
        nextExpiry = instant
        // Not expired before the instant has passed.
        connector.loop.assumeIsolated().scheduleTask(deadline: instant + .microseconds(1)) {
            // A later one has been put off by an earlier one.
            guard self.nextExpiry == instant else { return }
            self.nextExpiry = nil
            let now = NIODeadline.now()
            let expired = self.line.filter { $0.isExpired(at: now) }
            self.line.removeAll { $0.isExpired(at: now) }
            for job in expired { self.expire(job) }
            if let next = self.line.lazy.compactMap(\.writeBy).min() { self.expireLater(at: next) }
        }
    }

    /// Looks at deadlines from time to time, as long as there is anything to look at.
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

/// How long connections have taken to open of late.
///
/// The shortest of the last few counts: a machine that is busy makes some of them take longer, but a long way makes all.
struct OpeningTime: Sendable {
    /// Whoever waits for less than this is hardly late.
    private static let negligible = TimeAmount.milliseconds(10)
    /// What is believed before the first one is open, as one that is far away would show too late.
    private static let assumed = TimeAmount.milliseconds(250)
    private static let memory = 8

    private var recent = CircularBuffer<TimeAmount>(initialCapacity: memory)

    /// Takes note of one that is open.
    mutating func note(_ time: TimeAmount) {
        if recent.count == Self.memory { recent.removeFirst() }
        recent.append(time)
    }

    /// How long the next one may take; zero when it hardly matters.
    var expected: TimeAmount {
        guard let shortest = recent.min() else { return Self.assumed }
        // A quarter more, as not all are as quick as the quickest.
        return shortest < Self.negligible ? .zero : .nanoseconds(shortest.nanoseconds / 4 * 5)
    }
}

/// What can be seen of a pool without being on its event loop; a moment old.
final class PoolGauge: Sendable {
    private let requests = Atomic(0)
    private let free = Atomic(0)
    private let opening = Mutex(OpeningTime())

    /// Requests that were handed in and have no outcome yet.
    var underWay: Int { requests.load(ordering: .relaxed) }

    /// Connections that nobody needs.
    var idle: Int { free.load(ordering: .relaxed) }

    /// How long a connection may take to open; zero when it hardly matters.
    var expectedOpening: TimeAmount { opening.withLock { $0.expected } }

    func began() { requests.add(1, ordering: .relaxed) }

    func ended() { requests.subtract(1, ordering: .relaxed) }

    func note(idle count: Int) { free.store(count, ordering: .relaxed) }

    func note(opening time: TimeAmount) { opening.withLock { $0.note(time) } }
}
