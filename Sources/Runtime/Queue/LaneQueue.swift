import Foundation
import Redis
import Store

/// One lane in Redis: the ids that are due for a sender, and the pace at which they may go out.
///
/// Each call is one script, so any number of daemons may use a lane at once. All times are Redis's own.
struct LaneQueue: Sendable {
    /// Most ids in one call; a script with more would hold everybody else up.
    static let largestBatch = 500

    let keys: LaneKeys
    private let redis: RedisClient
    private let leases: LaneLeases

    init(redis: RedisClient, quotaGroup: String, sender: UUID, leases: LaneLeases = LaneLeases()) {
        self.redis = redis
        self.leases = leases
        keys = LaneKeys(quotaGroup: quotaGroup, sender: sender)
    }

    /// Takes up to `count` ids, each with its slot.
    func reserve(_ count: Int, pace: Pace, epoch: Int, token: Int64) async throws(RedisError) -> Reservation {
        let reply = try await redis.run(
            LaneScripts.reserve,
            keys: [
                keys.epoch, keys.pace, keys.ring, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes,
            ],
            arguments: [
                .integer(epoch), .text(String(token)), .integer(min(count, Self.largestBatch)),
                .text("\(pace.intervalMicroseconds)"), .integer(pace.horizon.microseconds),
                .integer(pace.lead.microseconds), .integer(leases.reservation.milliseconds),
                .integer(pace.ringCapacity),
            ]
        ).asArray()
        CrashPoint.slotsReserved.reach()
        return try Self.reservation(reply)
    }

    /// Asks whether messages may go out at this moment, and marks those that may as possibly written.
    func fire(_ messages: [UUID], epoch: Int, token: Int64) async throws(RedisError) -> Clearance {
        let reply = try await redis.run(
            LaneScripts.fire,
            keys: [keys.epoch, keys.pace, keys.leases, keys.held],
            arguments: [.integer(epoch), .text(String(token)), .integer(leases.flight.milliseconds)]
                + messages.map { .text(JobID.text($0)) }
        ).asArray()
        if let word = reply.first?.text {
            return word == "paused" ? .paused(.milliseconds(try reply[1].asInt())) : .stale
        }
        return .answers(reply.map { $0 == .integer(1) })
    }

    /// Ends leases, after Postgres knows the outcome.
    func settle(_ leases: [LeaseEnding]) async throws(RedisError) {
        for batch in leases.chunked(by: Self.largestBatch) {
            var arguments: [RedisArgument] = []
            arguments.reserveCapacity(4 * batch.count)
            for lease in batch {
                arguments += [.text(JobID.text(lease.messageID)), .text(String(lease.token))]
                switch lease.end {
                case .done: arguments += ["done", "0"]
                case .release: arguments += ["release", "0"]
                case .delay(let delay): arguments += ["delay", .integer(delay.milliseconds)]
                }
            }
            _ = try await redis.run(
                LaneScripts.settle,
                keys: [keys.ready, keys.delayed, keys.leases, keys.held],
                arguments: arguments
            )
        }
    }

    /// Puts due messages of a run into the lane.
    ///
    /// - Returns: False when the epoch is not in force any more; then nothing more was pushed.
    func push(_ messages: [FedMessage], run: UUID, epoch: Int) async throws(RedisError) -> Bool {
        for batch in messages.chunked(by: Self.largestBatch) {
            var arguments: [RedisArgument] = [.integer(epoch), .text(run.uuidString.lowercased()), "bulk"]
            for message in batch {
                arguments.append(.text(JobID.text(message.id)))
                arguments.append(.integer(message.delay.milliseconds))
            }
            let length = try await redis.run(
                LaneScripts.push,
                keys: [keys.epoch, keys.ready, keys.delayed, keys.held, keys.passes],
                arguments: arguments
            )
            if try length.asInt() < 0 { return false }
        }
        return true
    }

    /// Silences the lane on all daemons.
    func pause(for duration: Duration) async throws(RedisError) {
        _ = try await redis.run(
            LaneScripts.pause,
            keys: [keys.pace],
            arguments: [.integer(duration.milliseconds)]
        )
    }

    /// Takes over leases that ran out.
    func recover(limit: Int, token: Int64) async throws(RedisError) -> [ExpiredLease] {
        let reply = try await redis.run(
            LaneScripts.recover,
            keys: [keys.leases, keys.held],
            arguments: [.text(String(token)), .integer(leases.reservation.milliseconds), .integer(limit)]
        ).asArray()
        var leases: [ExpiredLease] = []
        for index in stride(from: 0, to: reply.count - 2, by: 3) {
            guard let message = JobID.message(try reply[index].asText()) else { continue }
            leases.append(
                ExpiredLease(
                    messageID: message,
                    holder: Int64(try reply[index + 2].asText()),
                    mayBeWritten: try reply[index + 1].asText() != "r"
                )
            )
        }
        return leases
    }

    /// Replaces the contents of the lane after they were lost.
    func rebuild(_ lane: LaneRebuild, epoch: Int) async throws(RedisError) {
        _ = try await redis.run(
            LaneScripts.rebuild,
            keys: [keys.epoch, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes, keys.pace],
            arguments: [
                .integer(epoch), .integer(leases.flight.milliseconds), .integer(lane.pause.milliseconds),
            ] + lane.sending.flatMap { [.text(JobID.text($0.messageID)), .text($0.holder.map(String.init) ?? "")] }
        )
    }

    /// How many ids are in the lane: ready, waiting for a retry, and held by somebody.
    func depth() async throws(RedisError) -> LaneDepth {
        let replies = await redis.send(pipeline: [
            RedisCommand("GET", .text(keys.epoch)), RedisCommand("ZCARD", .text(keys.ready)),
            RedisCommand("ZCARD", .text(keys.delayed)), RedisCommand("ZCARD", .text(keys.leases)),
        ])
        return LaneDepth(
            epoch: try replies[0].get().asOptionalInt(),
            ready: try replies[1].get().asInt(),
            delayed: try replies[2].get().asInt(),
            held: try replies[3].get().asInt()
        )
    }

    private static func reservation(_ reply: [RedisReply]) throws(RedisError) -> Reservation {
        switch try reply.first?.asText() {
        case "slots":
            var slots: [TimedSlot] = []
            slots.reserveCapacity(reply.count / 2)
            for index in stride(from: 1, to: reply.count - 1, by: 2) {
                guard let message = JobID.message(try reply[index].asText()) else { continue }
                slots.append(TimedSlot(messageID: message, offset: .microseconds(try reply[index + 1].asInt())))
            }
            return .slots(slots)
        case "empty":
            let delay = try reply[1].asInt()
            return .empty(nextRetry: delay < 0 ? nil : .milliseconds(delay))
        case "wait": return .wait(.milliseconds(try reply[1].asInt()))
        case "paused": return .paused(.milliseconds(try reply[1].asInt()))
        case "stale": return .stale
        case let word: throw .decoding("reserve answered `\(word ?? "nothing")`")
        }
    }
}

/// What a lane holds.
struct LaneDepth: Hashable, Sendable {
    /// `nil` when Redis has forgotten the lane's group.
    let epoch: Int?
    let ready: Int
    let delayed: Int
    let held: Int

    var total: Int { ready + delayed + held }
}
