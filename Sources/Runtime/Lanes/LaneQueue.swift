import Foundation
import Redis
import Store

/// One lane in Redis: the ids that are due for a sender, and the pace at which they may go out.
///
/// Each call is one script, so any number of daemons may use a lane at once. All times are Redis's own.
package struct LaneQueue: Sendable {
    /// Most ids in one call; a script with more would hold everybody else up.
    static let largestBatch = 500

    let keys: LaneKeys
    let redis: RedisClient
    let leases: LaneLeases

    init(redis: RedisClient, quotaGroup: String, sender: UUID, leases: LaneLeases = LaneLeases()) {
        self.redis = redis
        self.leases = leases
        keys = LaneKeys(quotaGroup: quotaGroup, sender: sender)
    }

    /// Takes up to `count` ids, each with its slot.
    ///
    /// - Parameters:
    ///   - count: Most ids to take.
    ///   - pace: How fast slots follow each other.
    ///   - lead: The time from now to the first slot, in which messages are prepared.
    ///   - quota: Business-initiated messages in 24 hours; `nil` for no limit.
    ///   - epoch: The epoch that the lane must have.
    ///   - lease: Names the reservation.
    /// - Returns: What the lane allows at this moment.
    /// - Throws: `RedisError`; what was taken then comes back when its lease runs out.
    func reserve(
        _ count: Int,
        pace: Pace,
        lead: Duration = LeadTime.shortest,
        quota: Int? = nil,
        epoch: Int,
        lease: Int64
    ) async throws(RedisError) -> Reservation {
        let reply = try await redis.run(
            LaneScripts.reserve,
            keys: [
                keys.epoch, keys.pace, keys.ring, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes,
                keys.outside, keys.outsideDelayed, keys.quota, keys.counts,
            ],
            arguments: [
                .integer(epoch), .text(String(lease)), .integer(min(count, Self.largestBatch)),
                .text("\(pace.intervalMicroseconds)"),
                .integer((pace.horizon + lead - LeadTime.shortest).microseconds), .integer(lead.microseconds),
                .integer(leases.reservation.milliseconds), .integer(pace.ringCapacity), .integer(quota ?? -1),
            ]
        ).asArray()
        CrashPoint.slotsReserved.reach()
        return try Self.reservation(reply)
    }

    /// Notes whether messages are being prepared, which a daemon may die of, or only wait for their slots.
    func mark(_ messages: [UUID], isBeingPrepared: Bool, lease: Int64) async throws(RedisError) {
        guard !messages.isEmpty else { return }
        _ = try await redis.run(
            LaneScripts.mark,
            keys: [keys.held],
            arguments: [
                .text(String(lease)), .text((isBeingPrepared ? LeaseState.reserved : .prepared).rawValue),
            ] + messages.map { JobID.argument($0) }
        )
    }

    /// Asks whether messages may go out at this moment, and marks those that may as possibly written.
    func fire(_ messages: [UUID], epoch: Int, lease: Int64) async throws(RedisError) -> Clearance {
        let reply = try await redis.run(
            LaneScripts.fire,
            keys: [keys.epoch, keys.pace, keys.leases, keys.held],
            arguments: [.integer(epoch), .text(String(lease)), .integer(leases.flight.milliseconds)]
                + messages.map { JobID.argument($0) }
        ).asArray()
        if let word = reply.first?.text {
            return word == "paused" ? .paused(.milliseconds(try reply[1].asInt())) : .stale
        }
        return .answers(reply.map { $0 == .integer(1) })
    }

    /// Ends leases, after Postgres knows the outcome.
    func settle(_ leases: [LeaseEnding]) async throws(RedisError) {
        for batch in leases.chunked(by: Self.largestBatch) {
            var groups: [LeaseEnding.Group: [UUID]] = [:]
            for lease in batch { groups[lease.group, default: []].append(lease.messageID) }
            var arguments: [RedisArgument] = []
            arguments.reserveCapacity(batch.count + 5 * groups.count)
            for (group, messages) in groups {
                arguments += group.arguments
                arguments.append(.integer(messages.count))
                for message in messages { arguments.append(JobID.argument(message)) }
            }
            _ = try await redis.run(
                LaneScripts.settle,
                keys: [
                    keys.ready, keys.delayed, keys.leases, keys.held, keys.outside, keys.outsideDelayed, keys.pace,
                    keys.quota, keys.counts,
                ],
                arguments: arguments
            )
        }
    }

    /// Puts due messages of a run into the lane.
    ///
    /// - Parameters:
    ///   - messages: The messages.
    ///   - run: Whose they are; runs go in turn.
    ///   - isTriggered: Whether they go before all others.
    ///   - epoch: The epoch that the lane must have.
    /// - Returns: False when the epoch is not in force any more; then nothing more was pushed.
    /// - Throws: `RedisError`; repeating the call does no harm.
    func push(
        _ messages: [FedMessage],
        run: UUID,
        isTriggered: Bool = false,
        epoch: Int
    ) async throws(RedisError) -> Bool {
        for batch in messages.chunked(by: Self.largestBatch) {
            var arguments: [RedisArgument] = [.integer(epoch), .text(run.uuidString.lowercased())]
            arguments.append(isTriggered ? "triggered" : "bulk")
            for message in batch {
                arguments.append(JobID.argument(message.id))
                arguments.append(.integer(message.delay.milliseconds))
                arguments.append(message.isBusinessInitiated ? "out" : "in")
            }
            let length = try await redis.run(
                LaneScripts.push,
                keys: [
                    keys.epoch, keys.ready, keys.delayed, keys.held, keys.passes, keys.outside, keys.outsideDelayed,
                ],
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
    func recover(limit: Int, lease: Int64) async throws(RedisError) -> [ExpiredLease] {
        let reply = try await redis.run(
            LaneScripts.recover,
            keys: [keys.leases, keys.held],
            arguments: [.text(String(lease)), .integer(leases.reservation.milliseconds), .integer(limit)]
        ).asArray()
        var leases: [ExpiredLease] = []
        for index in stride(from: 0, to: reply.count - 2, by: 3) {
            guard let message = JobID.message(try reply[index].asText()) else { continue }
            // An unknown state is taken for the worst: a request may have been written.
            let state = LeaseState(rawValue: try reply[index + 1].asText())
            leases.append(
                ExpiredLease(
                    messageID: message,
                    lease: Int64(try reply[index + 2].asText()),
                    mayBeWritten: state?.mayBeWritten ?? true,
                    wasBeingPrepared: state == .reserved
                )
            )
        }
        return leases
    }

    private static func reservation(_ reply: [RedisReply]) throws(RedisError) -> Reservation {
        switch try reply.first?.asText() {
        case "slots":
            var slots: [TimedSlot] = []
            slots.reserveCapacity(reply.count / 3)
            for index in stride(from: 2, to: reply.count - 2, by: 3) {
                guard let message = JobID.message(try reply[index].asText()) else { continue }
                slots.append(
                    TimedSlot(
                        messageID: message,
                        offset: .microseconds(try reply[index + 1].asInt()),
                        isCharged: try reply[index + 2].asInt() == 1
                    )
                )
            }
            return .slots(slots, exhausted: try delay(reply[1]))
        case "empty":
            return .empty(nextRetry: try delay(reply[1]), exhausted: try delay(reply[2]))
        case "wait": return .wait(.milliseconds(try reply[1].asInt()))
        case "paused": return .paused(.milliseconds(try reply[1].asInt()))
        case "stale": return .stale
        case let word: throw .decoding("reserve answered `\(word ?? "nothing")`")
        }
    }

    /// A number of milliseconds; negative is none.
    private static func delay(_ reply: RedisReply) throws(RedisError) -> Duration? {
        let milliseconds = try reply.asInt()
        return milliseconds < 0 ? nil : .milliseconds(milliseconds)
    }
}
