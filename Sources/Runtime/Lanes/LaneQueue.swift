package import Foundation
package import Redis
import Settings
import Store

/// One lane in Redis: the ids of messages that are due for a sender, their leases, and the pace of their slots.
///
/// Each call is one atomic script, so any number of daemons may share a lane. All times are Redis's own.
package struct LaneQueue: Sendable {
    /// Most ids in one call: a script with more would block Redis for too long.
    static let largestBatch = 500

    let keys: LaneKeys
    let redis: RedisClient
    let leases: LaneLeases

    init(redis: RedisClient, quotaGroup: String, sender: UUID, leases: LaneLeases = LaneLeases()) {
        self.redis = redis
        self.leases = leases
        keys = LaneKeys(prefix: redis.configuration.keyPrefix, quotaGroup: quotaGroup, sender: sender)
    }

    /// Returns true if this is still the lane of the sender; it may have moved to another quota group.
    func matches(_ lane: LaneRecord) -> Bool {
        keys == LaneKeys(prefix: redis.configuration.keyPrefix, quotaGroup: lane.quotaGroup, sender: lane.id)
    }

    private func argument(_ epoch: Int) -> RedisArgument { .text(LaneEpoch.text(epoch, on: redis)) }

    /// Reserves up to `count` ids, each with a timed slot, under a new lease.
    ///
    /// - Parameters:
    ///   - count: Most ids to take.
    ///   - pace: The spacing of slots.
    ///   - lead: Time from now to the first slot, in which messages are prepared.
    ///   - quota: Limit of business-initiated messages in 24 hours; `nil` for none.
    ///   - epoch: The epoch that the lane must have.
    ///   - lease: The id of the reservation.
    /// - Returns: The slots, or the reason why none was granted.
    /// - Throws: `RedisError`; the ids may still have been reserved, and then return to the queue when their lease
    ///   expires.
    func reserve(
        _ count: Int,
        pace: Pace,
        lead: Duration = LeadTime.shortest,
        quota: Int? = nil,
        epoch: Int,
        lease: Int64
    ) async throws(RedisError) -> Reservation {
        precondition(epoch > 0 && lease > 0, "epochs and leases begin with 1: 0 would match a lane that Redis has lost")
        let reply = try await redis.run(
            LaneScripts.reserve,
            keys: [
                keys.epoch, keys.pace, keys.ring, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes,
                keys.outside, keys.outsideDelayed, keys.quota, keys.counts,
            ],
            arguments: [
                argument(epoch), .text(String(lease)), .integer(min(count, Self.largestBatch)),
                .text("\(pace.intervalMicroseconds)"),
                .integer((pace.horizon + lead - LeadTime.shortest).microseconds), .integer(lead.microseconds),
                .integer(leases.reservation.milliseconds), .integer(pace.ringCapacity), .integer(quota ?? -1),
            ]
        ).asArray()
        CrashPoint.slotsReserved.reach()
        return try Self.reservation(reply)
    }

    /// Marks messages as being prepared, which may crash the daemon, or as waiting for their slots.
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

    /// Asks whether messages may be sent at this moment, and marks those that may as possibly written.
    func fire(_ messages: [UUID], epoch: Int, lease: Int64) async throws(RedisError) -> Clearance {
        let reply = try await redis.run(
            LaneScripts.fire,
            keys: [keys.epoch, keys.pace, keys.leases, keys.held],
            arguments: [argument(epoch), .text(String(lease)), .integer(leases.flight.milliseconds)]
                + messages.map { JobID.argument($0) }
        ).asArray()
        if let word = reply.first?.text {
            return word == "paused" ? .paused(.milliseconds(try reply[1].asInt())) : .stale
        }
        return .answers(reply.map { $0 == .integer(1) })
    }

    /// Ends leases, after the outcome is in Postgres.
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

    /// Pushes due messages of a run into the lane.
    ///
    /// - Parameters:
    ///   - messages: The messages.
    ///   - run: The run of the messages; runs take turns.
    ///   - isTriggered: True if they go before all bulk messages.
    ///   - epoch: The epoch that the lane must have.
    /// - Returns: False when the lane has another epoch; then nothing more was pushed.
    /// - Throws: `RedisError`; repeating the call does no harm.
    func push(
        _ messages: [FedMessage],
        run: UUID,
        isTriggered: Bool = false,
        epoch: Int
    ) async throws(RedisError) -> Bool {
        for batch in messages.chunked(by: Self.largestBatch) {
            var arguments: [RedisArgument] = [argument(epoch), .text(run.uuidString.lowercased())]
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

    /// Pauses the lane on all daemons.
    func pause(for duration: Duration) async throws(RedisError) {
        _ = try await redis.run(
            LaneScripts.pause,
            keys: [keys.pace],
            arguments: [.integer(duration.milliseconds)]
        )
    }

    /// Ends the time of leases whose daemons have died, except those of messages that may have been written.
    ///
    /// - Returns: The number of leases that the reaper can take over now.
    /// - Throws: `RedisError`; repeating the call does no harm.
    @discardableResult
    func abandon(_ daemons: Set<DaemonNumber>) async throws(RedisError) -> Int {
        guard !daemons.isEmpty else { return 0 }
        return try await redis.run(
            LaneScripts.abandon,
            keys: [keys.leases, keys.held],
            arguments: daemons.map { .text($0.description) }
        ).asInt()
    }

    /// Takes over expired leases (the reaper's part in Redis); none when the lane has another epoch.
    func recover(limit: Int, epoch: Int, lease: Int64) async throws(RedisError) -> [ExpiredLease] {
        let reply = try await redis.run(
            LaneScripts.recover,
            keys: [keys.epoch, keys.leases, keys.held],
            arguments: [
                argument(epoch), .text(String(lease)), .integer(leases.reservation.milliseconds), .integer(limit),
            ]
        ).asArray()
        var leases: [ExpiredLease] = []
        for index in stride(from: 0, to: reply.count - 2, by: 3) {
            guard let message = JobID.message(try reply[index].asText()) else { continue }
            // An unknown state is treated as the worst case: a request may have been written.
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
            var last = Duration.zero
            for index in stride(from: 2, to: reply.count - 2, by: 3) {
                let offset = Duration.microseconds(try reply[index + 1].asInt())
                // Redis's clock made the slots, and ours waits for them in this order: a step back would send too fast.
                precondition(offset >= last, "slots of a reservation must rise")
                last = offset
                guard let message = JobID.message(try reply[index].asText()) else { continue }
                slots.append(
                    TimedSlot(
                        messageID: message,
                        offset: offset,
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

    /// Reads a number of milliseconds; a negative one is `nil`.
    private static func delay(_ reply: RedisReply) throws(RedisError) -> Duration? {
        let milliseconds = try reply.asInt()
        return milliseconds < 0 ? nil : .milliseconds(milliseconds)
    }
}

extension LaneQueue {
    /// Pause of a lane that is rebuilt on servers that sentinels watch.
    ///
    /// A daemon that is still connected to the former primary goes on taking slots there, until it reads the new epoch from
    /// Postgres within a second.
    private static let changeOfPrimary = Duration.seconds(2)

    /// Replaces the contents of the lane after they were lost.
    func rebuild(_ lane: LaneRebuild, epoch: Int) async throws(RedisError) {
        let pause = redis.configuration.sentinels == nil ? lane.pause : max(lane.pause, Self.changeOfPrimary)
        var arguments: [RedisArgument] = [
            argument(epoch), .integer(leases.flight.milliseconds), .integer(pause.milliseconds),
            .integer(lane.quota.count),
        ]
        for bucket in lane.quota { arguments += [.text(bucket.hour), .integer(bucket.count)] }
        for held in lane.sending {
            arguments += [
                JobID.argument(held.messageID), .text(held.lease.map(String.init) ?? ""),
                .text(held.isBusinessInitiated ? lane.quota.last?.hour ?? "" : ""),
            ]
        }
        _ = try await redis.run(
            LaneScripts.rebuild,
            keys: [
                keys.epoch, keys.ready, keys.delayed, keys.leases, keys.held, keys.passes, keys.pace, keys.outside,
                keys.outsideDelayed, keys.quota, keys.counts,
            ],
            arguments: arguments
        )
    }

    /// Returns ids that wait for quota, in their order.
    func waitingForQuota(limit: Int = LaneQueue.largestBatch) async throws(RedisError) -> [UUID] {
        let command = RedisCommand("ZRANGE", .text(keys.outside), "0", .integer(limit - 1))
        var messages: [UUID] = []
        for id in try await redis.send(command).asArray() {
            if let message = JobID.message(try id.asText()) { messages.append(message) }
        }
        return messages
    }

    /// Removes ids from those that wait for quota.
    func withdraw(_ messages: [UUID]) async throws(RedisError) {
        guard !messages.isEmpty else { return }
        let ids = messages.map { JobID.argument($0) }
        _ = try await redis.send(RedisCommand("ZREM", arguments: [.text(keys.outside)] + ids))
    }

    /// Returns the first id in-window and the first business-initiated one: the next to be sent.
    package func front(deadline: ContinuousClock.Instant? = nil) async throws(RedisError) -> [UUID] {
        try Self.front(await redis.send(pipeline: frontCommands, deadline: deadline)[...])
    }

    /// Returns how many ids are ready, delayed for a retry, and leased.
    package func depth(deadline: ContinuousClock.Instant? = nil) async throws(RedisError) -> LaneDepth {
        try LaneDepth(replies: await redis.send(pipeline: depthCommands, deadline: deadline)[...], on: redis)
    }

    /// Returns the depth of several lanes, in one round trip.
    static func depths(of lanes: [LaneQueue], on redis: RedisClient) async throws(RedisError) -> [LaneDepth] {
        let replies = await redis.send(pipeline: lanes.flatMap(\.depthCommands))
        var depths: [LaneDepth] = []
        for replies in replies.chunked(by: LaneDepth.commandCount) {
            depths.append(try LaneDepth(replies: replies, on: redis))
        }
        return depths
    }

    /// Returns the depth of the lanes of senders, in one round trip.
    ///
    /// - Parameters:
    ///   - senders: The quota group of each sender, by its id.
    ///   - redis: The client.
    /// - Returns: The depths by the sender's id.
    /// - Throws: `RedisError`.
    package static func depths(
        of senders: [UUID: String],
        on redis: RedisClient
    ) async throws(RedisError) -> [UUID: LaneDepth] {
        let ids = senders.keys.sorted { $0.uuidString < $1.uuidString }
        let lanes = ids.map { LaneQueue(redis: redis, quotaGroup: senders[$0] ?? "", sender: $0) }
        return Dictionary(uniqueKeysWithValues: zip(ids, try await depths(of: lanes, on: redis)))
    }

    /// Returns the depth of the lanes of senders and the ids that are next to be sent, in one round trip.
    ///
    /// - Parameters:
    ///   - senders: The quota group of each sender, by its id.
    ///   - redis: The client.
    ///   - deadline: When to give up.
    /// - Returns: The readings by the sender's id.
    /// - Throws: `RedisError`.
    package static func readings(
        of senders: [UUID: String],
        on redis: RedisClient,
        deadline: ContinuousClock.Instant
    ) async throws(RedisError) -> [UUID: LaneReading] {
        let ids = Array(senders.keys)
        let lanes = ids.map { LaneQueue(redis: redis, quotaGroup: senders[$0] ?? "", sender: $0) }
        let commands = lanes.flatMap { $0.depthCommands + $0.frontCommands }
        guard !commands.isEmpty else { return [:] }
        let replies = await redis.send(pipeline: commands, deadline: deadline)
        var readings: [UUID: LaneReading] = [:]
        for (id, replies) in zip(ids, replies.chunked(by: LaneDepth.commandCount + 2)) {
            let depth = try LaneDepth(replies: replies.prefix(LaneDepth.commandCount), on: redis)
            readings[id] = LaneReading(depth: depth, front: try front(replies.dropFirst(LaneDepth.commandCount)))
        }
        return readings
    }

    private static func front(
        _ replies: ArraySlice<Result<RedisReply, RedisError>>
    ) throws(RedisError) -> [UUID] {
        var messages: [UUID] = []
        for reply in replies {
            for id in try reply.get().asArray() {
                if let message = JobID.message(try id.asText()) { messages.append(message) }
            }
        }
        return messages
    }

    private var frontCommands: [RedisCommand] {
        [keys.ready, keys.outside].map { RedisCommand("ZRANGE", .text($0), "0", "0") }
    }

    private var depthCommands: [RedisCommand] {
        let sets = [keys.ready, keys.outside, keys.delayed, keys.outsideDelayed, keys.leases]
        return [RedisCommand("GET", .text(keys.epoch))] + sets.map { RedisCommand("ZCARD", .text($0)) }
    }
}

/// The ids in a lane, in numbers, and the next ones.
package struct LaneReading: Sendable {
    package let depth: LaneDepth
    /// The first id in-window and the first business-initiated one.
    package let front: [UUID]
}

/// Numbers of ids in a lane.
package struct LaneDepth: Hashable, Sendable {
    /// `nil` when Redis has lost the lanes of the quota group.
    let epoch: Int?
    package let ready: Int
    package let delayed: Int
    package let held: Int

    var total: Int { ready + delayed + held }
}

extension LaneDepth {
    /// Number of commands for one depth.
    fileprivate static let commandCount = 6

    fileprivate init(
        replies: ArraySlice<Result<RedisReply, RedisError>>,
        on redis: RedisClient
    ) throws(RedisError) {
        func count(_ index: Int) throws(RedisError) -> Int { try replies[replies.startIndex + index].get().asInt() }
        self.init(
            epoch: LaneEpoch.number(try replies[replies.startIndex].get().text, on: redis),
            ready: try count(1) + count(2),
            delayed: try count(3) + count(4),
            held: try count(5)
        )
    }
}

extension LeaseEnding.Group {
    /// Script arguments before the ids of a group: lease, verb, delay in milliseconds, and line.
    var arguments: [RedisArgument] {
        let line: RedisArgument = isBusinessInitiated.map { $0 ? "out" : "in" } ?? ""
        let lease = RedisArgument.text(String(lease))
        return switch end {
        case .done: [lease, "done", "0", line]
        case .void: [lease, "void", "0", line]
        case .release: [lease, "release", "0", line]
        case .delay(let delay): [lease, "delay", .integer(delay.milliseconds), line]
        }
    }
}

/// The durations of leases.
package struct LaneLeases: Hashable, Sendable {
    /// Time to write the outcome after the answer: a flight lease is at least this much longer than a request.
    static let outcomeMargin = Duration.seconds(5)

    /// Lease of a message without clearance yet; counted from its slot.
    var reservation = Duration.seconds(10)
    /// Lease of a message that may have been written: longer than a request and the writing of its outcome take.
    package var flight = OutboundRequest.defaultTimeout + .seconds(15)

    package init(
        reservation: Duration = .seconds(10),
        flight: Duration = OutboundRequest.defaultTimeout + .seconds(15)
    ) {
        self.reservation = reservation
        self.flight = flight
    }

    /// Returns the shortest flight lease for a request timeout: with a shorter one, messages still being sent look lost.
    package static func shortestFlight(requestTimeout: Duration) -> Duration { requestTimeout + outcomeMargin }
}

/// The Lua scripts of the lanes, embedded from `Lanes/Scripts/*.lua`, which say what each does.
enum LaneScripts {
    static let reserve = script("reserve", PackageResources.reserve_lua)
    static let fire = script("fire", PackageResources.fire_lua)
    static let mark = script("mark", PackageResources.mark_lua)
    static let settle = script("settle", PackageResources.settle_lua)
    static let push = script("push", PackageResources.push_lua)
    static let pause = script("pause", PackageResources.pause_lua)
    static let abandon = script("abandon", PackageResources.abandon_lua)
    static let recover = script("recover", PackageResources.recover_lua)
    static let rebuild = script("rebuild", PackageResources.rebuild_lua)
    static let rights = script("rights", PackageResources.rights_lua)

    /// The scripts that work on lanes.
    static let all = [reserve, fire, mark, settle, push, pause, abandon, recover, rebuild]

    private static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: String(decoding: source, as: UTF8.self))
    }
}

extension Collection {
    /// Returns the elements in portions of at most `size`.
    func chunked(by size: Int) -> [SubSequence] {
        var chunks: [SubSequence] = []
        var rest = self[...]
        while !rest.isEmpty {
            chunks.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return chunks
    }
}
