internal import CHiredis
import Dispatch
internal import Logging

/// Moves commands from the mailbox over one connection at a time, and replies back to the tasks.
///
/// Works in rounds: it writes all queued commands, then reads until all are answered. Commands that arrive meanwhile
/// make the next round, so the busier the client, the fewer system calls per command. Without work it releases its
/// thread.
///
/// Counters change before the tasks resume, so that a task with an answer finds it counted.
///
/// `@unchecked Sendable`: everything mutable is touched only on `queue`, which is serial.
final class RedisDriver: @unchecked Sendable {
    /// Bounds of one round, and so of the number of commands that end in an unknown state if a connection breaks.
    private static let roundLimit = (commands: 4_096, bytes: 1 << 20)

    /// The result of one command of a batch.
    private typealias Answer = (batch: RedisBatch, index: Int, result: RedisResult)

    private let queue = DispatchQueue(label: "redis.connection")
    private let configuration: RedisConfiguration
    private let logger: Logger
    private let mailbox: RedisMailbox

    private var connection: RedisConnection?
    private var waiting = RedisWaiting()
    private var inFlight = RedisInFlight()
    private var backoff = RedisBackoff()
    /// The reason why there is no connection; `nil` before the first attempt and while there is one.
    private var disconnection: String?
    /// The time at which the connection was opened.
    private var openedAt = ContinuousClock.now
    /// The history of writes of the last primary that sentinels named.
    private var replicationID: String?
    /// True if the server has said that it is no primary, so that the sentinels must be asked again.
    private var isDemoted = false

    init(configuration: RedisConfiguration, mailbox: RedisMailbox, logger: Logger) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.logger = logger
    }

    /// Starts work, which ends when nothing is left to do.
    func start() {
        queue.async { self.work() }
    }

    private func work() {
        while true {
            collect()
            if waiting.isEmpty && inFlight.isEmpty {
                finishShutdown()
                if mailbox.goIdle() { return }
            } else if connection == nil {
                connectOrPause()
            } else {
                exchange()
            }
        }
    }

    /// Reads the mailbox, and fails commands past their deadline.
    private func collect() {
        let (batches, hasManyCancelled) = mailbox.collect()
        waiting.append(contentsOf: batches)
        let now = ContinuousClock.now
        guard hasManyCancelled || waiting.deadline.map({ $0 <= now }) ?? false else { return }
        let error = disconnection.map(RedisError.connection) ?? .timeout(mayHaveExecuted: false)
        end(waiting.removeExpired(at: now), with: error)
    }

    private func end(_ batches: [RedisBatch], with error: RedisError) {
        guard !batches.isEmpty else { return }
        let ended = batches.count { !$0.isFinished }
        let commands = batches.reduce(0) { $0 + $1.commands.count }
        mailbox.count { statistics in
            statistics.waiting -= commands
            statistics.timeouts += ended
        }
        for batch in batches { batch.finishAll(error) }
    }

    private func finishShutdown() {
        let shutdowns = mailbox.takeShutdowns()
        guard !shutdowns.isEmpty else { return }
        connection = nil
        mailbox.count { $0.isConnected = false }
        for shutdown in shutdowns {
            shutdown.resume()
        }
    }
}

// MARK: - Connecting

extension RedisDriver {
    private func connectOrPause() {
        if let retryAt = backoff.retryAt, retryAt > .now {
            return pause(until: min(retryAt, waiting.deadline ?? retryAt))
        }
        do {
            let connection = try RedisConnection.open(configuration) { self.collect() }
            self.connection = connection
            disconnection = nil
            openedAt = .now
            mailbox.count { statistics in
                statistics.connectionsOpened += 1
                statistics.isConnected = true
                statistics.replicationID = connection.replicationID
            }
            logger.debug("Connected to Redis", metadata: ["redis": "\(configuration)"])
            if let former = replicationID, former != connection.replicationID { endCommandsOfFormerPrimary() }
            replicationID = connection.replicationID
        } catch {
            backoff.failed(at: .now)
            note(disconnection: error)
            // Waiting helps if the server is unreachable, not if it refuses the login.
            if case .connection = error { return }
            end(waiting.removeAll(), with: error)
        }
    }

    /// Fails the commands that wait: their callers made them for the former primary, whose last writes are lost.
    private func endCommandsOfFormerPrimary() {
        logger.notice("Redis has another primary", metadata: ["redis": "\(configuration)"])
        collect()
        end(waiting.removeAll(), with: .connection("the sentinels named another primary meanwhile"))
    }

    private func pause(until moment: ContinuousClock.Instant) {
        let end = mailbox.prepareSleep(until: moment)
        mailbox.wakeup.wait(until: end)
    }

    private func note(disconnection error: RedisError) {
        let reason = if case .connection(let reason) = error { reason } else { "\(error)" }
        // This is logged once per outage, because the attempts repeat many times.
        if disconnection == nil {
            logger.warning(
                "Could not connect to Redis",
                metadata: ["redis": "\(configuration)", "reason": "\(reason)"]
            )
        }
        disconnection = reason
        mailbox.count { statistics in
            statistics.lastConnectionError = reason
            statistics.isConnected = false
        }
    }
}

// MARK: - Exchanging

extension RedisDriver {
    /// Writes and reads as much as possible without blocking, then waits once.
    private func exchange() {
        guard let connection else { return }
        do throws(RedisError) {
            if inFlight.isEmpty {
                if mustAskSentinels() { return }
                try checkIdle(connection)
                beginRound(on: connection)
                if inFlight.isEmpty { return }
            }
            try connection.flush()
            let deadline = min(inFlight.deadline ?? .now, waiting.deadline ?? .now + .seconds(60))
            let ready = connection.wait(until: mailbox.prepareSleep(until: deadline), wakeup: mailbox.wakeup)
            if ready.canRead { try read(from: connection) }
            if inFlight.hasExpired(at: .now) { throw RedisError.connection("no reply within a command's deadline") }
        } catch {
            drop(connection, because: error)
        }
    }

    /// Drops the connection if the sentinels may name another server by now; nothing is in flight then.
    private func mustAskSentinels() -> Bool {
        let isAsked = mailbox.takeQuestion()
        // Many callers may ask at the same time, and one new connection answers them all.
        guard isDemoted || isAsked && ContinuousClock.now - openedAt > .seconds(1) else { return false }
        isDemoted = false
        connection = nil
        backoff.lost(at: .now)
        mailbox.count { $0.isConnected = false }
        return true
    }

    /// Detects that the server closed an idle connection, before a command is written to it.
    private func checkIdle(_ connection: RedisConnection) throws(RedisError) {
        guard connection.wait(until: .now, wakeup: nil).canRead else { return }
        try connection.fill()
        if try connection.nextReply() != nil { throw .connection("an unexpected reply") }
    }

    private func beginRound(on connection: RedisConnection) {
        var written = 0
        var given = 0
        while let batch = waiting.first, written < Self.roundLimit.commands,
            connection.unsentCount < Self.roundLimit.bytes
        {
            waiting.removeFirst()
            given += batch.commands.count
            // A cancelled batch is skipped as a whole: half a transaction must never be sent.
            if batch.isFinished { continue }
            for (index, command) in batch.commands.enumerated() {
                inFlight.append(.init(batch: batch, index: index, end: connection.append(command)))
            }
            written += batch.commands.count
        }
        mailbox.count { statistics in
            statistics.waiting -= given
            statistics.inFlight = written
            statistics.commandsSent += written
            statistics.writes += written > 0 ? 1 : 0
        }
    }

    private func read(from connection: RedisConnection) throws(RedisError) {
        try connection.fill()
        var answers: [Answer] = []
        // Replies that arrived are used even if the rest cannot be read.
        defer {
            mailbox.count { statistics in
                statistics.repliesReceived += answers.count
                statistics.inFlight = inFlight.count
            }
            for answer in answers { answer.batch.finish(answer.index, answer.result) }
        }
        while let reply = try connection.nextReply() {
            guard let entry = inFlight.popFirst() else { throw .connection("an unexpected reply") }
            let result = result(of: reply, to: entry.batch.commands[entry.index], connection)
            answers.append((entry.batch, entry.index, result))
        }
        if !answers.isEmpty { backoff.succeeded() }
    }

    private func result(
        of reply: RedisReply,
        to command: RedisCommand,
        _ connection: RedisConnection
    ) -> RedisResult {
        guard case .error(let error) = reply else { return .success(reply) }
        if let script = command.script, error.kind == .noScript { connection.forget(script) }
        if error.kind == .readOnly || error.kind == .masterDown { isDemoted = configuration.sentinels != nil }
        return .failure(.server(error))
    }
}

// MARK: - Losing the connection

extension RedisDriver {
    /// Drops the connection, and sorts the commands in flight into lost, timed out and not written.
    private func drop(_ connection: RedisConnection, because error: RedisError) {
        let now = ContinuousClock.now
        let sentBytes = connection.sentBytes
        var returned: [RedisBatch] = []
        var answers: [Answer] = []
        var timeouts = 0
        for entry in inFlight.unanswered {
            if entry.index == 0 && entry.end > sentBytes {
                returned.append(entry.batch)
            } else if returned.last !== entry.batch {
                // The rest of a pipeline that has begun is never continued on another connection.
                let isExpired = entry.batch.deadline <= now
                let mayHaveExecuted = entry.end <= sentBytes
                let error: RedisError =
                    isExpired
                    ? .timeout(mayHaveExecuted: mayHaveExecuted)
                    : .connectionLost(mayHaveExecuted: mayHaveExecuted)
                timeouts += isExpired ? 1 : 0
                answers.append((entry.batch, entry.index, .failure(error)))
            }
        }
        inFlight.removeAll()
        waiting.prepend(contentsOf: returned)
        self.connection = nil
        backoff.lost(at: now)
        mailbox.count { statistics in
            statistics.connectionsLost += 1
            statistics.timeouts += timeouts
            statistics.inFlight = 0
            statistics.waiting += returned.reduce(0) { $0 + $1.commands.count }
        }
        for answer in answers { answer.batch.finish(answer.index, answer.result) }
        note(disconnection: error)
    }
}

extension RedisReply {
    /// Copies a reply out of hiredis; the caller still owns `reply`.
    init(_ reply: UnsafePointer<redisReply>) {
        let source = unsafe reply.pointee
        switch unsafe source.type {
        case REDIS_REPLY_INTEGER: self = unsafe .integer(Int(source.integer))
        case REDIS_REPLY_STRING: self = unsafe .string(Array(source.bytes))
        case REDIS_REPLY_STATUS: self = unsafe .status(String(decoding: source.bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR:
            self = unsafe .error(RedisServerError(message: String(decoding: source.bytes, as: UTF8.self)))
        case REDIS_REPLY_ARRAY: self = unsafe .array(Self.elements(of: source))
        default: self = .null
        }
    }

    private static func elements(of source: redisReply) -> [RedisReply] {
        var elements: [RedisReply] = []
        unsafe elements.reserveCapacity(source.elements)
        for index in unsafe 0..<source.elements {
            if let element = unsafe source.element[index] { unsafe elements.append(RedisReply(element)) }
        }
        return elements
    }
}

extension redisReply {
    fileprivate var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: str, count: len) }
}
