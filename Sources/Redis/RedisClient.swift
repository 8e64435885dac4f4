public import Logging

/// A Redis connection that any number of tasks share.
///
/// Commands that wait are written together and answered in order, so many tasks cost few round trips. The connection is
/// made with the first command and replaced whenever it breaks; a client never has to be made anew. Commands that had
/// not been written then wait for the new connection; the others fail with ``RedisError/connectionLost(mayHaveExecuted:)``.
///
/// A reply that misses its deadline also ends the connection: give deadlines for a server in trouble, not for its usual
/// speed. Commands that block (`BLPOP`, `WAIT`) or change the connection (`SELECT`, `SUBSCRIBE`, `MULTI` outside one
/// pipeline) must not be sent, because all tasks would feel it.
///
///     let client = RedisClient(configuration: try RedisConfiguration(url: url), logger: logger)
///     let count = try await client.send(RedisCommand("INCR", "visits")).asInt()
public final class RedisClient: Sendable {
    public let configuration: RedisConfiguration
    private let mailbox: RedisMailbox
    private let driver: RedisDriver

    /// Makes a client; nothing is connected before the first command.
    public init(configuration: RedisConfiguration, logger: Logger) {
        self.configuration = configuration
        self.mailbox = RedisMailbox(limit: configuration.maximumQueuedCommands)
        self.driver = RedisDriver(configuration: configuration, mailbox: mailbox, logger: logger)
    }

    /// What the client has done so far, and what it is doing now.
    public var statistics: RedisStatistics { mailbox.statistics }

    /// Sends one command.
    ///
    /// When the task is cancelled this returns at once; the command is then either never written, or its reply is dropped.
    ///
    /// - Parameters:
    ///   - command: What to send.
    ///   - deadline: When to give up; `nil` is the configuration's `commandTimeout` from now.
    /// - Returns: The reply, never ``RedisReply/error(_:)``.
    /// - Throws: ``RedisError``; an error that Redis answered is ``RedisError/server(_:)``.
    public func send(
        _ command: RedisCommand,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(RedisError) -> RedisReply {
        guard let outcome = await send(pipeline: [command], deadline: deadline).first else { throw .closed }
        return try outcome.get()
    }

    /// Sends commands right after one another on one connection.
    ///
    /// Nothing of other tasks comes between them, so `MULTI` … `EXEC` is safe. When the connection breaks in the middle the
    /// rest is not continued on another one. A script whose digest Redis has forgotten is repeated with its source after
    /// the others; where the order matters against that too, put everything into one script.
    ///
    /// - Parameters:
    ///   - pipeline: What to send; none gives no results.
    ///   - deadline: When to give up; `nil` is the configuration's `commandTimeout` from now.
    /// - Returns: One result per command, in the same order.
    public func send(
        pipeline: [RedisCommand],
        deadline: ContinuousClock.Instant? = nil
    ) async -> [Result<RedisReply, RedisError>] {
        let deadline = deadline ?? .now + configuration.commandTimeout
        var outcomes = await exchange(pipeline, deadline: deadline)
        let unknown = outcomes.indices.filter { pipeline[$0].script != nil && outcomes[$0].isUnknownScript }
        guard !unknown.isEmpty else { return outcomes }
        let repeats = await exchange(unknown.map { pipeline[$0].sendingSource() }, deadline: deadline)
        for (index, outcome) in zip(unknown, repeats) {
            outcomes[index] = outcome
        }
        return outcomes
    }

    /// Runs a script, by its digest wherever Redis knows it.
    ///
    /// - Parameters:
    ///   - script: What to run.
    ///   - keys: Every key that the script touches (`KEYS`).
    ///   - arguments: Everything else (`ARGV`).
    ///   - deadline: When to give up; `nil` is the configuration's `commandTimeout` from now.
    /// - Returns: What the script returned.
    /// - Throws: ``RedisError``; what a failing script has written stays written.
    public func run(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument] = [],
        deadline: ContinuousClock.Instant? = nil
    ) async throws(RedisError) -> RedisReply {
        try await send(RedisCommand(script, keys: keys, arguments: arguments), deadline: deadline)
    }

    /// Refuses further commands, waits for those under way (each bounded by its deadline) and hangs up.
    public func shutdown() async {
        await withCheckedContinuation { continuation in
            if mailbox.close(continuation) { driver.start() }
        }
    }

    private func exchange(_ commands: [RedisCommand], deadline: ContinuousClock.Instant) async -> [RedisBatch.Outcome] {
        if commands.isEmpty { return [] }
        let batch = RedisBatch(commands, deadline: deadline)
        return await withTaskCancellationHandler {
            if Task.isCancelled {
                batch.finishAll(.cancelled)
            } else {
                submit(batch)
            }
            return await withCheckedContinuation { batch.resumeWhenFinished($0) }
        } onCancel: {
            if batch.finishAll(.cancelled) { mailbox.noteCancellation(of: commands.count) }
        }
    }

    private func submit(_ batch: RedisBatch) {
        switch mailbox.submit(batch) {
        case .accepted: break
        case .mustStart: driver.start()
        case .refused(let error): batch.finishAll(error)
        }
    }
}

extension Result<RedisReply, RedisError> {
    fileprivate var isUnknownScript: Bool {
        guard case .failure(.server(let error)) = self else { return false }
        return error.kind == .noScript
    }
}
