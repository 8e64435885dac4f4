internal import Logging

/// One server with one connection, shared by any number of tasks.
final class RedisNode: Sendable {
    let configuration: RedisConfiguration
    private let mailbox: RedisMailbox
    private let driver: RedisDriver

    /// Makes a node; nothing is connected before the first command.
    init(configuration: RedisConfiguration, logger: Logger) {
        self.configuration = configuration
        self.mailbox = RedisMailbox(limit: configuration.maximumQueuedCommands)
        self.driver = RedisDriver(configuration: configuration, mailbox: mailbox, logger: logger)
    }

    var statistics: RedisStatistics { mailbox.statistics }

    /// Sends commands right after one another; if Redis has forgotten the digest of a script, the script is sent again
    /// with its source.
    func send(pipeline: [RedisCommand], deadline: ContinuousClock.Instant) async -> [RedisResult] {
        var results = await exchange(pipeline, deadline: deadline)
        let unknown = results.indices.filter { pipeline[$0].script != nil && results[$0].isUnknownScript }
        guard !unknown.isEmpty else { return results }
        let repeats = await exchange(unknown.map { pipeline[$0].sendingSource() }, deadline: deadline)
        for (index, result) in zip(unknown, repeats) {
            results[index] = result
        }
        return results
    }

    /// Has the sentinels asked before the next command is written.
    func askSentinelsAgain() { mailbox.question() }

    /// Refuses further commands, waits for those in flight (each bounded by its deadline) and closes the connection.
    func shutdown() async {
        await withCheckedContinuation { continuation in
            if mailbox.close(continuation) { driver.start() }
        }
    }

    private func exchange(_ commands: [RedisCommand], deadline: ContinuousClock.Instant) async -> [RedisResult] {
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

extension RedisResult {
    fileprivate var isUnknownScript: Bool {
        guard case .failure(.server(let error)) = self else { return false }
        return error.kind == .noScript
    }
}

/// Backoff of reconnects: at once after the first loss, then 50 ms doubling to 2 s, with jitter.
struct RedisBackoff {
    private var failures = 0
    /// The earliest moment for the next attempt; `nil` is at once.
    private(set) var retryAt: ContinuousClock.Instant?

    mutating func succeeded() {
        failures = 0
        retryAt = nil
    }

    mutating func failed(at now: ContinuousClock.Instant) {
        let ceiling = min(2_000, 50 << min(failures, 10))
        failures += 1
        // Jitter, so that many daemons do not reconnect at the same time.
        retryAt = now + .milliseconds(Int.random(in: ceiling / 2...ceiling))
    }

    /// Records that a working connection broke: the first new attempt is immediate.
    mutating func lost(at now: ContinuousClock.Instant) {
        guard failures > 0 else {
            failures = 1
            return
        }
        failed(at: now)
    }
}
